import { expect, test } from "bun:test"
import { judge } from "./health.ts"

test("a container is unhealthy after as many failures in a row as retries", () => {
  const health = { status: "starting" as const, failingStreak: 0 }
  expect(judge(health, 1, 2, true)).toBe("starting")
  expect(judge(health, 1, 2, true)).toBe("unhealthy")
})

test("failures within the start period do not count, a success does", () => {
  const health = { status: "starting" as const, failingStreak: 0 }
  expect(judge(health, 1, 1, false)).toBe("starting")
  expect(judge(health, 0, 1, false)).toBe("healthy")
})

test("one success ends a failing streak", () => {
  const health = { status: "unhealthy" as const, failingStreak: 7 }
  expect(judge(health, 0, 3, true)).toBe("healthy")
  expect(health.failingStreak).toBe(0)
})
