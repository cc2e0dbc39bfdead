import { spawn } from "node:child_process"
import { Duplex } from "node:stream"
import { Failure } from "../errors/failure.ts"
import type { Host } from "./host.ts"

/**
 * A connection to the daemon of another machine: `ssh … docker system dial-stdio`, whose standard streams are the
 * connection. What ssh says about a failure becomes the error's message.
 */
export function dialSsh({ destination, options, text }: Host & { readonly kind: "ssh" }): Duplex {
  const words = ["-o", "ConnectTimeout=30", "-T", ...options, "--", destination, "docker", "system", "dial-stdio"]
  const child = spawn("ssh", words, { stdio: ["pipe", "pipe", "pipe"] })
  const socket = Duplex.from({ writable: child.stdin, readable: child.stdout } as never)
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4096)
  })
  child.stdin.on("error", () => {})
  child.on("error", (error) => {
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no program ssh" : error.message
    socket.destroy(new Failure("unavailable", `error during connect: ${text}: ${why}`))
  })
  child.on("close", (code) => {
    if (code) {
      const why = `command [ssh ${words.join(" ")}] has exited with exit status ${code}, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=${said.trim()}`
      socket.destroy(new Failure("unavailable", `error during connect: ${text}: ${why}`))
    }
  })
  socket.once("close", () => child.kill())
  return socket
}
