import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import type { RuntimeInfo } from "./contract.ts"
import { lastError } from "./failure.ts"

/** How many of CRIU's complaints are told: the first is the cause. */
const told = 3

/** What CRIU says whatever has happened: that a program it called failed, and at last that it gives up. */
const empty = /^(?:exited, |Dump files .* failed|Dumping FAILED|Restoring FAILED)/

/** A failed `checkpoint` or `restore`: what the runtime said, what CRIU complained of, and where all of its log is. */
export function checkpointFailure(call: {
  readonly info: RuntimeInfo
  readonly verb: "checkpoint" | "restore"
  /** The runtime's log, one JSON object per line; undefined when it wrote none. */
  readonly log: string | undefined
  /** Holds CRIU's log. */
  readonly work: string
}): Failure {
  const said = (lastError(call.log) ?? "it said nothing").split("\n")[0]!
  const path = join(call.work, call.verb === "checkpoint" ? "dump.log" : "restore.log")
  const complaints = criuErrors(path)
  const detail = complaints === undefined ? "" : `: ${[...complaints, `CRIU's log is ${path}`].join("; ")}`
  return new Failure("internal", `${call.info.name} ${call.verb} failed: ${said}${detail}`)
}

/** CRIU's errors, without their places in its source; undefined when it wrote no log. */
function criuErrors(path: string): string[] | undefined {
  try {
    const lines = readFileSync(path, "utf8").matchAll(/^\([\d.]+\)\s+(?:\d+: )?Error \([^)]*\): (.*)$/gm)
    const complaints = [...lines].map(([, text]) => text!.trim()).filter((text) => !empty.test(text))
    return complaints.slice(0, told)
  } catch {
    return undefined
  }
}
