import { parseNanos } from "../std/clock.ts"
import type { OutputChunk } from "./contract.ts"

/** An entry of a json-file log. @returns undefined when it is torn or not one */
export function decodeJson(entry: Buffer): OutputChunk | undefined {
  try {
    const { log, stream, time } = JSON.parse(entry.toString("utf8")) as { log: string; stream: string; time: string }
    const at = parseNanos(time)
    if (at === undefined || (stream !== "stdout" && stream !== "stderr")) return undefined
    return { stream, at, bytes: Buffer.from(log) }
  } catch {
    return undefined
  }
}

/** An entry of a CRI log, without its newline. @returns undefined when it is torn or not one */
export function decodeCri(entry: Buffer): OutputChunk | undefined {
  const first = entry.indexOf(32)
  const second = entry.indexOf(32, first + 1)
  const third = entry.indexOf(32, second + 1)
  if (first < 0 || second < 0 || third < 0) return undefined
  const at = parseNanos(entry.toString("latin1", 0, first))
  const stream = entry.toString("latin1", first + 1, second)
  if (at === undefined || (stream !== "stdout" && stream !== "stderr")) return undefined
  const ended = entry.toString("latin1", second + 1, third).split(":")[0] === "F"
  const bytes = entry.subarray(third + 1)
  return { stream, at, bytes: ended ? Buffer.concat([bytes, Buffer.of(10)]) : bytes }
}
