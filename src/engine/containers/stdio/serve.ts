import type { AttachStream } from "../../../shim/contract.ts"
import { DetachWatch } from "../../../std/detach-keys.ts"
import type { HijackedStream } from "../../../std/hijacked-stream.ts"
import { frameHeader } from "../../../std/stdcopy.ts"

export type EndOfService = "process ended" | "client left" | "detached"

export interface ServeOptions {
  readonly multiplexed: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Whether the client's half-close ends the process's input. */
  readonly closeStdin: boolean
  /** What a user types at a terminal to leave it. Absent: what the client sends is given on as it is. */
  readonly detachKeys?: Uint8Array
}

/** Moves bytes between a process and a client until one of them ends. Closes neither. */
export async function serveStreams(
  process: AttachStream,
  client: HijackedStream,
  options: ServeOptions,
): Promise<EndOfService> {
  const output = async (): Promise<EndOfService> => {
    // Some clients read the answer's head through a buffer, and lose what comes right behind it.
    await client.taken()
    for await (const { stream, bytes } of process.output) {
      if (!(stream === "stdout" ? options.stdout : options.stderr)) continue
      if (options.multiplexed) {
        const header = frameHeader(stream, bytes.length)
        if (bytes.length <= 16384) await client.write(Buffer.concat([header, bytes]))
        else {
          void client.write(header)
          await client.write(bytes)
        }
      } else await client.write(bytes)
    }
    return "process ended"
  }
  const input = async (): Promise<EndOfService> => {
    const watch = options.detachKeys && new DetachWatch(options.detachKeys)
    for await (const chunk of client.input) {
      if (!options.stdin) continue
      const { bytes, detached } = watch ? watch.feed(chunk) : { bytes: chunk, detached: false }
      if (bytes.length > 0) await process.write(bytes)
      if (detached) return "detached"
    }
    if (options.stdin && options.closeStdin) await process.closeStdin()
    // The half-close ends the input only; the process may go on talking.
    return await new Promise(() => {})
  }
  const gone = client.closed.then((): EndOfService => "client left")
  const inputEnd = input().catch((): EndOfService => "client left")
  return await Promise.race([output(), inputEnd, gone])
}
