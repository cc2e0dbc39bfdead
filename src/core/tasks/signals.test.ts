import { expect, test } from "bun:test"
import { judge, lookForSignal, mayWaitForSignals, type ThreadFiles } from "./signals.ts"

const term = 15

/** A thread of PID 1 asleep in clock_nanosleep, with nothing blocked, caught or ignored; `changes` to its status. */
function asleep(
  changes: Readonly<Record<string, string>> = {},
  syscall = "230 0x0 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f01",
): ThreadFiles {
  const fields = {
    State: "S (sleeping)",
    TracerPid: "0",
    NStgid: "4711\t1",
    SigPnd: "0000000000000000",
    ShdPnd: "0000000000000000",
    SigBlk: "0000000000000000",
    SigIgn: "0000000000000000",
    SigCgt: "0000000000000000",
    voluntary_ctxt_switches: "12",
    nonvoluntary_ctxt_switches: "3",
    ...changes,
  }
  const status = Object.entries(fields)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join("")
  return { before: status, syscall, after: status }
}

const one = (thread: ThreadFiles, signal = term) => judge(new Map([["4711", thread]]), signal)

test("PID 1 asleep without a handler is deaf", () => {
  expect(one(asleep())).toMatchObject({ deaf: true, marks: "4711 12/3" })
})

test.each([
  ["SigBlk", "blocked"],
  ["SigCgt", "handler"],
  ["SigIgn", "on purpose"],
  ["SigPnd", "on its way"],
  ["ShdPnd", "on its way"],
])("a signal in %s may have an effect, and only that signal", (mask, why) => {
  const look = one(asleep({ [mask]: "0000000000004000" }))
  expect(look.deaf).toBe(false)
  expect(look.why).toContain(why)
  expect(one(asleep({ [mask]: "0000000000004000" }), 10).deaf).toBe(true)
})

test("one thread that hears is enough", () => {
  const threads = new Map([
    ["4711", asleep()],
    ["4712", asleep({ SigBlk: "0000000000004000" })],
  ])
  expect(judge(threads, term).deaf).toBe(false)
})

test.each(["R (running)", "D (disk sleep)", "T (stopped)", "t (tracing stop)", "Z (zombie)"])(
  "nothing is certain of a thread in state %s",
  (State) => {
    expect(one(asleep({ State })).deaf).toBe(false)
  },
)

test("a thread that ran during the look is at work", () => {
  const later = asleep({ voluntary_ctxt_switches: "13" })
  expect(one({ ...asleep(), after: later.after }).deaf).toBe(false)
})

test("a traced process, and one that is not PID 1 of its namespace, may hear", () => {
  expect(one(asleep({ TracerPid: "99" })).deaf).toBe(false)
  expect(one(asleep({ NStgid: "4711" })).deaf).toBe(false)
  expect(one(asleep({ NStgid: "4711\t8" })).deaf).toBe(false)
})

test("SIGKILL and SIGSTOP always arrive", () => {
  expect(one(asleep(), 9).deaf).toBe(false)
  expect(one(asleep(), 19).deaf).toBe(false)
})

test("a thread in sigwait may hear though its mask does not say so, as a program of 64 and of 32 bits", () => {
  for (const number of [128, 177, 421])
    expect(mayWaitForSignals(`${number} 0x7ffe 0x0 0x0 0x8 0x0 0x0 0x1 0x2`, "x64")).toBe(true)
  for (const number of [137, 177, 421])
    expect(mayWaitForSignals(`${number} 0x7ffe 0x0 0x0 0x8 0x0 0x0 0x1 0x2`, "arm64")).toBe(true)
})

test("a wait for files may hear when it brings a mask of its own", () => {
  expect(mayWaitForSignals("271 0x1 0x1 0x0 0x7ffe10 0x8 0x0 0x1 0x2", "x64")).toBe(true)
  expect(mayWaitForSignals("271 0x1 0x1 0x0 0x0 0x8 0x0 0x1 0x2", "x64")).toBe(false)
  expect(mayWaitForSignals("22 0x4 0x7f 0x400 0xffff 0x0 0x8 0x1 0x2", "arm64")).toBe(false)
})

test("a thread in no call, or in one that cannot be told, may hear", () => {
  for (const line of ["running\n", "-1 0x7ffe 0x7f01\n", "1073742347 0x0 0x0 0x0 0x0 0x0 0x0 0x1 0x2\n", ""]) {
    expect(mayWaitForSignals(line, "x64")).toBe(true)
  }
  expect(mayWaitForSignals("35 0x0 0x0 0x0 0x0 0x0 0x0 0x1 0x2", "riscv64")).toBe(true)
})

test("this process is no container's init, and one that has ended cannot be looked at", () => {
  expect(lookForSignal(process.pid, term).deaf).toBe(false)
  expect(lookForSignal(0x3fffffff, term).deaf).toBe(false)
})
