import { closeSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { pipe, readNow, setNonBlocking } from "../linux/descriptor.ts"
import { errnoName } from "../linux/errno.ts"
import { type ForkingProgram, type Report, report } from "../linux/forking-program.ts"
import { memoryProgram } from "../linux/memory-file.ts"
import { endOfNewborn } from "../linux/newborn.ts"
import { sendSignal } from "../linux/pidfd.ts"
import { killPipeHolders, pipeName } from "../linux/pipe-holders.ts"
import { setWindowSize } from "../linux/pty.ts"
import { spawn } from "../linux/spawn.ts"
import type { Process, RuntimeSpec } from "../oci/runtime-spec.ts"
import { decodeJson } from "../std/json.ts"
import type { ExecRequest, Started, Stdio } from "./contract.ts"
import { enterFailure } from "./enter-failure.ts"
import { type Entry, enterProgram } from "./enter-program.ts"
import { openTerminalIn } from "./enter-terminal.ts"
import { runtimeEnvironment } from "./launch.ts"

type Init = NonNullable<ExecRequest["init"]>

/** A further process of a container that was started without its runtime, or why only the runtime can start it. */
export type Entered = Started | { readonly because: string }

/**
 * Starts a further process in a container by a program of system calls, in a quarter of the time that crun's exec takes, and
 * without showing the container anything of the host's: see docs/security.md. Only what the container's own processes have
 * no influence on is left to the runtime, whose exec is not as safe. A failure leaves nothing behind.
 * @throws invalidArgument when the program cannot be executed, internal when the process could not be started
 */
export async function enter(request: ExecRequest): Promise<Entered> {
  const { init, processFile } = request
  if (!init) return { because: "the container's init is not known" }
  const spec = JSON.parse(readFileSync(join(init.bundle, "config.json"), "utf8")) as RuntimeSpec
  const process = decodeJson(readFileSync(processFile, "utf8")) as unknown as Process
  const owned = process.terminal ? [0] : ownedOf(request.stdio)
  const entry: Entry = { spec, process, cgroupFiles: init.cgroupFiles, owned, ...descriptors }
  const program = enterProgram(entry)
  if (typeof program === "string") return { because: program }
  if (!isAlive(init)) return { because: "init has ended" }
  if (!process.terminal) return await start(program, process, init, request)
  const terminal = await openTerminalIn(init, request.programStarted)
  try {
    if (request.consoleSize) setWindowSize(terminal.master, request.consoleSize)
    const { slave } = terminal
    const started = await start(program, process, init, {
      ...request,
      stdio: { stdin: slave, stdout: slave, stderr: slave },
    })
    if ("because" in started) closeSync(terminal.master)
    return "because" in started ? started : { ...started, terminal: terminal.master }
  } catch (error) {
    closeSync(terminal.master)
    throw error
  } finally {
    closeSync(terminal.slave)
  }
}

/** The numbers that the program finds init and its report's place at, behind its stdio. */
const descriptors = { pidfd: 3, report: 4 } as const

async function start(
  program: ForkingProgram,
  process: Process,
  init: Init,
  request: Pick<ExecRequest, "stdio" | "programStarted">,
): Promise<Entered> {
  const reports = await run(program, init.pidfd, request)
  const failed = reports.find((each) => each.failed)?.failed
  // Kernels before 5.8 cannot join namespaces by a pidfd.
  if (failed?.call === "setns" && errnoName(failed.errno) === "EINVAL") return { because: "the kernel is too old" }
  if (failed) throw enterFailure(process, failed)
  const told = reports.at(-1)
  const pid = Number.parseInt(told?.text ?? "", 10)
  if (!(pid > 0)) throw enterFailure(process, { call: "clone", ...(told?.ended ?? { signal: 0 }) })
  const end = await endOfNewborn(pid)
  if (end) throw enterFailure(process, { call: "execve", ...end })
  return { pid }
}

/** Runs a program to its end. @returns its reports, in order */
async function run(
  program: ForkingProgram,
  pidfd: number,
  { stdio, programStarted }: Pick<ExecRequest, "stdio" | "programStarted">,
): Promise<readonly Report[]> {
  const [reader, writer] = pipe()
  try {
    using file = memoryProgram("enter", program.image)
    const first = spawn({ command: [file.path], ...stdio, more: [pidfd, writer], env: runtimeEnvironment })
    programStarted?.(first.pid, "enter")
    // The others went on without it, and nobody knows of them.
    if ((await first.exited) > 128) killPipeHolders(Object.values(stdio).flatMap(pipeOf))
    setNonBlocking(reader, true)
    const bytes = Buffer.alloc(2 * report.size)
    const count = Math.max(0, Math.floor(readNow(reader, bytes) / report.size))
    return Array.from({ length: count }, (_, index) => program.read(bytes.subarray(index * report.size)))
  } finally {
    closeSync(reader)
    closeSync(writer)
  }
}

function pipeOf(end: number | "ignore"): readonly string[] {
  const name = end === "ignore" ? undefined : pipeName(end)
  return name === undefined ? [] : [name]
}

/** The numbers of stdin, stdout and stderr that become the user's: all that are not the host's /dev/null. */
const ownedOf = ({ stdin, stdout, stderr }: Stdio): readonly number[] =>
  [stdin, stdout, stderr].flatMap((end, number) => (end === "ignore" ? [] : [number]))

function isAlive({ pidfd }: Init): boolean {
  try {
    sendSignal(pidfd, 0)
    return true
  } catch {
    return false
  }
}
