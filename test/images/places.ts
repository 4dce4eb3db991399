/** Where images and what they are made of lie, and what an image is called. The cache stands outside the repository: a clean clone stays warm. */
import { join, resolve } from 'node:path'
import { cacheFolder } from '../cluster/cache.ts'

/** Image names are closed: each has a Dockerfile of ours. */
export const IMAGES = ['sekisho', 'sekisho-waf', 'sekisho-ids'] as const
export type ImageName = (typeof IMAGES)[number]

export const repository = resolve(import.meta.dirname, '../..')

/** A path in the cache. */
export const cached = (...parts: string[]): string => join(cacheFolder(), ...parts)

/** The version in image tags and labels. */
export const imageVersion = (): string => process.env['VERSION'] || 'dev'

/** The full name under which an image is pushed, imported and asked for by manifests. */
export const imageReference = (name: ImageName): string =>
  `${process.env['IMAGE_PREFIX'] || 'registry.local/sekisho'}/${name}:${imageVersion()}`
