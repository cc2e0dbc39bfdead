/**
 * An attacking program inside a container with the host's network: it takes the abstract unix socket's name that is its
 * argument as soon as that is free, and prints `{"seen": 1}` then.
 */
import { createServer } from "node:net"

const [name = ""] = process.argv.slice(2)
const say = (message: object) => console.log(JSON.stringify(message))

function take(): void {
  const server = createServer()
  server.once("error", () => setTimeout(take, 5))
  server.listen(`\0${name}`, () => say({ seen: 1 }))
}

take()
say({ ready: true })
