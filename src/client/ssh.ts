import { spawn } from "node:child_process"
import { Duplex } from "node:stream"
import { Failure } from "../errors/failure.ts"
import type { Host } from "./host.ts"

/** What runs over there: a line that POSIX shells and Windows' own understand. A machine may have only one of the two. */
const remoteCommand = "docker system dial-stdio || barge system dial-stdio"

/**
 * A connection to the daemon of another machine: `ssh … docker system dial-stdio`, whose standard streams are the
 * connection. What ssh says about a failure becomes the error's message.
 */
export function dialSsh({ destination, options, text }: Host & { readonly kind: "ssh" }): Duplex {
  const words = ["-o", "ConnectTimeout=30", "-T", ...options, "--", destination, remoteCommand]
  const child = spawn("ssh", words, { stdio: ["pipe", "pipe", "pipe"] })
  const failure = (why: string) => new Failure("unavailable", `error during connect: ${text}: ${why}`)
  const wire = new Duplex({
    read: () => child.stdout.resume(),
    write: (chunk, _encoding, done) => child.stdin.write(chunk, () => done()),
    final: (done) => child.stdin.end(() => done()),
    destroy: (error, done) => {
      child.kill()
      done(error)
    },
  })
  child.stdout.on("data", (chunk: Buffer) => {
    if (!wire.push(chunk)) child.stdout.pause()
  })
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4096)
  })
  // Writing to a program that has gone fails; its end tells why.
  child.stdin.on("error", () => {})
  child.on("error", (error) => {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT"
    wire.destroy(failure(missing ? "there is no program ssh; install an OpenSSH client" : error.message))
  })
  // The end of its output alone does not tell whether all is well.
  child.on("close", (code) => {
    if (!code || wire.destroyed) wire.push(null)
    else
      wire.destroy(
        failure(
          `command [ssh ${words.join(" ")}] has exited with exit status ${code}, make sure the URL is valid, and Barge, or Docker 18.09 or later, is installed on the remote host: stderr=${said.trim()}`,
        ),
      )
  })
  return wire
}
