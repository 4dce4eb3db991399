/** `sekisho.dev/allow-uncovered`: JSON with `why` and `until`: a namespace is admitted, and its Pods come to nodes, while these are blind. */
import { type Limited, parseLimited } from './time-limit.ts'

export type AllowUncovered = Limited

/** Parses and checks the annotation. */
export const parseAllowUncovered = parseLimited
