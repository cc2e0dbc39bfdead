import { closeSync, readFileSync, readlinkSync, readSync } from "node:fs"
import { join } from "node:path"
import { Failure } from "../errors/failure.ts"
import { pipe, setNonBlocking } from "../linux/descriptor.ts"
import { errnoName } from "../linux/errno.ts"
import { memoryProgram } from "../linux/memory-file.ts"
import { discardChild } from "../linux/pidfd.ts"
import { spawn } from "../linux/spawn.ts"
import { report } from "../linux/syscall-program.ts"
import type { Process, RuntimeSpec } from "../oci/runtime-spec.ts"
import { decodeJson } from "../std/json.ts"
import type { ExecRequest } from "./contract.ts"
import { type Entry, enterProgram } from "./enter-program.ts"
import { runtimeEnvironment } from "./launch.ts"

/** A further process of a container that was started without its runtime, or why it was not: then the runtime is to do it. */
export type Entered = { readonly pid: number } | { readonly because: string }

/**
 * Starts a further process in a container by a program of system calls: what crun's exec does, without the 4 ms that its
 * libraries and files take. Nothing is left behind when it does not succeed: whatever is out of the ordinary, and every
 * error text, is the runtime's.
 * @throws internal when the container has told of a process that is not its own
 */
export async function enter(request: ExecRequest): Promise<Entered> {
  const { init, processFile, stdio } = request
  if (!init) return { because: "the container's init is not known" }
  const spec = JSON.parse(readFileSync(join(init.bundle, "config.json"), "utf8")) as RuntimeSpec
  const process = decodeJson(readFileSync(processFile, "utf8")) as unknown as Process
  const entry: Entry = { spec, process, cgroupFiles: init.cgroupFiles, owned: ownedOf(stdio), ...descriptors }
  const program = enterProgram(entry)
  if (typeof program === "string") return { because: program }
  const namespace = pidNamespace(init.pid)
  if (namespace === undefined) return { because: "init has ended" }
  const [reader, writer] = pipe()
  try {
    using file = memoryProgram("enter", program.image)
    const more = [init.pidfd, writer]
    // The exit code says nothing: a filter may forbid even the exit.
    await spawn({ command: [file.path], ...stdio, more, env: runtimeEnvironment }).exited
    const told = readReport(reader)
    if (!told) return { because: "its namespaces, control groups or limits could not be entered" }
    const { pid, failed } = program.outcome(told)
    const its = pidNamespace(pid)
    if (failed) {
      if (its === namespace) discardChild(pid)
      return { because: `${failed.call}: ${errnoName(failed.errno)}` }
    }
    // It runs, or has ended and is gone: from here on nobody may start it again.
    if (its === undefined || its === namespace) return { pid }
    // What has the right to trace the process could have written the report in its place.
    throw new Failure("internal", `the process that was started told of PID ${pid}, which is not in the container`)
  } finally {
    closeSync(reader)
    closeSync(writer)
  }
}

/** The numbers that the program finds init and its report's place at, behind its stdio. */
const descriptors = { pidfd: 3, report: 4 } as const

/** Those of stdin, stdout and stderr that become the user's: all that are not the host's /dev/null. */
const ownedOf = ({ stdin, stdout, stderr }: ExecRequest["stdio"]): readonly number[] =>
  [stdin, stdout, stderr].flatMap((end, number) => (end === "ignore" ? [] : [number]))

/** @returns undefined when there is none: no child was made */
function readReport(reader: number): Buffer | undefined {
  setNonBlocking(reader, true)
  const bytes = Buffer.alloc(report.size)
  try {
    return readSync(reader, bytes) === report.size ? bytes : undefined
  } catch (error) {
    if ((error as { code?: string }).code === "EAGAIN") return undefined
    throw error
  }
}

/** What tells a process's PID namespace from others; undefined when it has gone. */
function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return undefined
  }
}
