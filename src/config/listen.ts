/** Where a part listens and with which certificate, the same in each part's configuration. */
import { z } from 'zod'

export const listener = (port: number, what: string) =>
  z
    .strictObject({
      address: z.string().default('0.0.0.0').describe(`address on which ${what} is served`),
      port: z.int().min(0).max(65535).default(port).describe(`port on which ${what} is served; 0 takes a free one`),
    })
    .prefault({})

export const tlsSettings = z
  .strictObject({
    directory: z
      .string()
      .default('/etc/sekisho/tls')
      .describe('where tls.crt, tls.key and ca.crt are; read again when they change'),
  })
  .prefault({})
