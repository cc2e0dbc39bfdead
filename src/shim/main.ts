import { closeSync, mkdirSync, openSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { tryLock } from "../linux/flock.ts"
import { becomeSubreaper } from "../linux/pidfd.ts"
import { Reactor } from "../linux/reactor.ts"
import { openDriver } from "../runtime/driver.ts"
import { build } from "../std/build.ts"
import { newId } from "../std/id.ts"
import { Journal } from "./journal.ts"
import { otherShim, shimFolder, shimSocket } from "./launch-shim.ts"
import { Server } from "./server.ts"
import { Supervisor } from "./supervisor.ts"

/** How often left-over children are looked for, in milliseconds. */
const sweepEvery = 10_000

/**
 * `barge shim --run-root DIR`: the one supervisor of a run root's containers, until `shutdown`.
 * @returns its exit code; {@link otherShim} when another one holds the run root
 */
export async function shimMain(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { "run-root": { type: "string" } } })
  const runRoot = values["run-root"]
  if (!runRoot) {
    console.error("barge shim: --run-root is missing; the daemon starts the shim by itself")
    return 2
  }
  const folder = shimFolder(runRoot)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = openSync(join(folder, "lock"), "a", 0o600)
  if (!tryLock(lock)) {
    closeSync(lock)
    return otherShim
  }
  process.umask(0o077)
  process.chdir("/")
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT"] as const) process.on(signal, () => {})
  const journal = new Journal(join(folder, "shim.log"))
  process.on("uncaughtException", (error) => journal.line(`unexpected: ${error.stack ?? error.message}`))
  process.on("unhandledRejection", (error) => journal.line(`unexpected: ${(error as Error)?.stack ?? error}`))
  becomeSubreaper()
  using reactor = new Reactor()
  const supervisor: Supervisor = new Supervisor({
    reactor,
    folder,
    driver: openDriver,
    tell: (event) => server?.tell(event),
    keep: () => {},
    journal: (line) => journal.line(line),
  })
  let server: Server | undefined
  supervisor.recover(new Map())
  const sweep = setInterval(() => supervisor.sweepOrphans(), sweepEvery)
  journal.line(`shim ${build.version} serves ${runRoot}, PID ${process.pid}`)
  await new Promise<void>((resolve) => {
    server = new Server({
      reactor,
      socketPath: shimSocket(runRoot),
      supervisor,
      version: build.version,
      instance: newId(),
      shutdown: resolve,
    })
  })
  clearInterval(sweep)
  journal.line("shim ends")
  server?.close()
  return 0
}
