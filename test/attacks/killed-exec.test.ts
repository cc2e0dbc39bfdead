import { afterAll, beforeAll, expect, test } from "bun:test"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { Attacker, untilKept } from "./attacker.ts"

let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(() => daemon[Symbol.asyncDispose]())

interface Seen {
  readonly pid: number
  readonly parent: number
  readonly state: string
  readonly program: string
  readonly namespace: string
}

/** The host's processes. */
const all = (): Seen[] =>
  readdirSync("/proc")
    .map(Number)
    .filter(Boolean)
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
        const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
        const [program, namespace] =
          state === "Z" ? ["", ""] : [readlinkSync(`/proc/${pid}/exe`), readlinkSync(`/proc/${pid}/ns/pid`)]
        return [{ pid, parent: Number(parent), state, program, namespace }]
      } catch {
        return []
      }
    })

const shimPid = () => Number([...daemon.log.matchAll(/ shim .* PID (\d+)$/gm)].at(-1)![1])
const isEntering = ({ program }: Seen) => program.startsWith("/memfd:enter")

/** The three processes of an exec whose last one the attacker keeps: see docs/security.md. */
function launch(): { readonly first: number; readonly second: number; readonly third: number } {
  const entering = all().filter(isEntering)
  const first = entering.find(({ parent }) => parent === shimPid())!.pid
  const [second, third] = entering
    .filter(({ parent }) => parent === first)
    .map(({ pid }) => pid)
    .sort((a, b) => a - b)
  return { first, second: second!, third: third! }
}

const steps: Readonly<Record<string, () => number>> = {
  shim: shimPid,
  first: () => launch().first,
  second: () => launch().second,
  third: () => launch().third,
}

for (const [killed, find] of Object.entries(steps))
  for (const terminal of [[], ["-t"]])
    test(`nothing is left of an exec in the middle of which one is killed -9: ${killed} ${terminal}`, async () => {
      await using attacker = await Attacker.start(daemon, "hold")
      const init = await attacker.pid()
      // One that the attacker misses is over soon.
      const { answer } = await untilKept(attacker, () =>
        daemon.docker("exec", ...terminal, attacker.name, "sleep", "3"),
      )
      const [shim, target] = [shimPid(), find()]
      process.kill(target, "SIGKILL")
      if (target === shim) await eventually(async () => shimPid() !== shim, "another shim")
      attacker.release()
      // The third has begun: without the second it goes on.
      const runsOn = killed === "second"
      await eventually(async () => !all().some(isEntering), "the end of the programs that enter")
      const { namespace } = all().find(({ pid }) => pid === init)!
      const inside = all().filter((each) => each.namespace === namespace && each.pid !== init)
      expect(inside.length).toBe(runsOn ? 1 : 0)
      expect((await answer).code === 0).toBe(runsOn)
      await eventually(
        async () => !all().some(({ parent, state }) => state === "Z" && parent === shimPid()),
        "no zombie",
      )
    })
