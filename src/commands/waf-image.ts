/**
 * `--waf-image`: the image of the sidecars, for installations that keep all image names in one place outside of the file
 * (kustomize's `images:` writes it into the Deployment). Where the file names one, the file counts.
 */
import type { Given } from '../config/load.ts'

export const wafImageGiven = (image: string | undefined): readonly Given[] =>
  image === undefined ? [] : [{ path: ['inject', 'image'], value: image, where: '--waf-image' }]
