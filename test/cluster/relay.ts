/**
 * A door from the machine into a node's network: it accepts on a socket that the keeper opened on the machine (file descriptor 3) and
 * connects from inside the node's network namespace, in which it runs. TLS passes through untouched.
 *   relay.ts PORT
 */
import { connect, createServer } from 'node:net'

const port = Number(process.argv[2])
const server = createServer({ allowHalfOpen: true }, (outside) => {
  const inside = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const end = () => {
    outside.destroy()
    inside.destroy()
  }
  for (const socket of [outside, inside]) {
    socket.setNoDelay(true)
    socket.on('error', end)
  }
  outside.pipe(inside)
  inside.pipe(outside)
})
server.listen({ fd: 3 })
