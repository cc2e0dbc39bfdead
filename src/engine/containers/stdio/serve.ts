import type { AttachStream } from "../../../shim/contract.ts"
import { DetachWatch } from "../../../std/detach-keys.ts"
import type { HijackedStream } from "../../../std/hijacked-stream.ts"
import { frameHeader } from "../../../std/stdcopy.ts"

/** Why a connection between client and process has ended. */
export type EndOfService = "process ended" | "client left" | "detached"

export interface ServeOptions {
  readonly multiplexed: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Whether the client's half-close ends the process's input. */
  readonly closeStdin: boolean
  /** Keys that detach the client. Absent: all input goes to the process. */
  readonly detachKeys?: Uint8Array
}

/** Moves bytes between a process and a client until one of them ends. Closes neither. */
export async function serveStreams(
  process: AttachStream,
  client: HijackedStream,
  options: ServeOptions,
): Promise<EndOfService> {
  const output = async (): Promise<EndOfService> => {
    // Some clients read the head of the answer through a buffer and lose bytes that come in the same read.
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
    // The half-close ends the input only; output may follow.
    return await new Promise(() => {})
  }
  const gone = client.closed.then((): EndOfService => "client left")
  const inputEnd = input().catch((): EndOfService => "client left")
  return await Promise.race([output(), inputEnd, gone])
}
