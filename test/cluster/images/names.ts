/** The lab's own images. Their host does not exist: an image that was not imported is an error at once, never a download. */
export const PAUSE_IMAGE = 'registry.local/lab/pause:1'

/**
 * A small web application to stand behind the WAF: `serve [PORT]` (the default, 8080) answers every request and logs one line for each;
 * `fail` ends with code 1; `slow [PORT]` takes 3 s to end after TERM. `/bin/sh`, `wget` and `nc` are in it too (busybox). It runs as
 * 65532, needs no capability and writes nothing, so Pod Security `restricted` admits it.
 */
export const APP_IMAGE = 'registry.local/lab/app:1'
