import { expect, test } from "bun:test"
import { canReceive, signalState } from "./signals.ts"

const none = { blocked: 0n, ignored: 0n, caught: 0n, isInit: true }
const term = 1n << 14n

test("PID 1 without a handler never gets SIGTERM", () => {
  expect(canReceive(none, 15).can).toBe(false)
})

test("PID 1 with a handler gets SIGTERM", () => {
  expect(canReceive({ ...none, caught: term }, 15).can).toBe(true)
})

test("a blocked signal may be fetched by sigwait, as tini does", () => {
  expect(canReceive({ ...none, blocked: term }, 15).can).toBe(true)
})

test("an ignored signal never arrives, PID 1 or not", () => {
  expect(canReceive({ ...none, ignored: term, isInit: false }, 15).can).toBe(false)
})

test("SIGKILL always arrives", () => {
  expect(canReceive(none, 9).can).toBe(true)
})

test("an ordinary process dies by default", () => {
  expect(canReceive({ ...none, isInit: false }, 15).can).toBe(true)
})

test("this process is not a container's init", () => {
  expect(signalState(process.pid)?.isInit).toBe(false)
})
