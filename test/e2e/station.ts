/** A cluster that the story can be lived on: a new one on this machine, or the one of the current kubeconfig. */
import type { Answer } from './narrator.ts'

export interface Station {
  /** One line for people: which cluster this is. */
  readonly about: string
  /** The images in that cluster: prefix and tag. */
  readonly images: { readonly prefix: string; readonly tag: string }
  /** The interfaces its IDS must watch, where they are known. */
  readonly interfaces?: string
  /** Whether its Pods find Services by their names. @default true */
  readonly dns?: boolean
  kubectl(args: readonly string[], options?: { readonly cwd?: string; readonly input?: string }): Promise<Answer>
}

export const IMAGE_DEFAULT = { prefix: 'registry.local/sekisho', tag: 'dev' } as const

/** The files of the story name the default images; this puts a cluster's own in their place. */
export function withImages(text: string, images: Station['images']): string {
  return text.replace(
    /registry\.local\/sekisho\/([a-z-]+):dev/g,
    (_, name: string) => `${images.prefix}/${name}:${images.tag}`,
  )
}
