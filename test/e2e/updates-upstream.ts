/**
 * A process on the node that plays GitHub to the Pods: `node updates-upstream.ts ADDRESS`. It prints one line, `{"ca": PEM}`, then obeys a line of
 * JSON each: `{"version", "archive": FILE, "signature"?, "html"?}` publishes in the place of what was listed. It ends with its stdin.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { startUpstream } from '../rules/sources/upstream.ts'

/** Pods know it by an entry of their hosts file: the lab has no DNS. */
export const UPSTREAM_HOST = 'upstream.example'

export interface Publication {
  readonly version: string
  readonly archive: string
  readonly signature?: string
  /** A login page stands where the archive should be. */
  readonly html?: boolean
}

if (import.meta.main) {
  const upstream = await startUpstream({ host: UPSTREAM_HOST, address: process.argv[2]!, port: 443 })
  console.log(JSON.stringify({ ca: upstream.ca }))
  for await (const line of createInterface({ input: process.stdin })) {
    const { version, archive, signature, html } = JSON.parse(line) as Publication
    upstream.listed.length = 0
    upstream.files.clear()
    upstream.faults.length = 0
    upstream.publish(version, readFileSync(archive), signature)
    if (html)
      upstream.faults.push([
        /\.tar\.gz(\?|$)/,
        (_, response) =>
          response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in to the proxy</html>'),
      ])
    console.log(version)
  }
  await upstream.close()
}
