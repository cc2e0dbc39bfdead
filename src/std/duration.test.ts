import { expect, test } from "bun:test"
import { Failure } from "../errors/failure.ts"
import { formatDuration, humanDuration, parseDuration, parseTimeSpan } from "./duration.ts"

const second = 1_000_000_000n

test("durations are read in Go's spelling", () => {
  expect(["1s", "1m30s", "-5ms", "0", "1.5h", ".5s", "1h0.25m", "7µs", "7us"].map(parseDuration)).toEqual([
    second,
    90n * second,
    -5_000_000n,
    0n,
    5400n * second,
    second / 2n,
    3615n * second,
    7000n,
    7000n,
  ])
})

test.each([
  ["", "time: invalid duration "],
  ["5", "time: missing unit in duration "],
  ["1d", 'time: unknown unit "d" in duration '],
  [".s", "time: invalid duration "],
  ["9999999999h", "time: invalid duration "],
])("%j is no duration of Go's", (text, message) => {
  expect(() => parseDuration(text)).toThrow(new Failure("invalidArgument", message + JSON.stringify(text)))
})

test("service units' spelling has days and weeks, and seconds without a unit", () => {
  expect(["90", "2.5", "30d", "1w2d", "15m"].map(parseTimeSpan)).toEqual([
    90n * second,
    5n * (second / 2n),
    2_592_000n * second,
    777_600n * second,
    900n * second,
  ])
  expect(() => parseTimeSpan("5 parsecs")).toThrow('time: unknown unit " parsecs" in duration "5 parsecs"')
})

test("durations are printed as Go prints them", () => {
  const printed = [0n, 1n, 1_500n, 2_000_000n, second, 90n * second, 3_723_500_000_000n, -second, 60_000_000_001n]
  expect(printed.map(formatDuration)).toEqual([
    "0s",
    "1ns",
    "1.5µs",
    "2ms",
    "1s",
    "1m30s",
    "1h2m3.5s",
    "-1s",
    "1m0.000000001s",
  ])
})

test("durations are told to people as docker tells them", () => {
  const hour = 3600
  const told = [0.5, 1, 59, 60, 119, 120, hour, 47 * hour, 48 * hour, 20 * 24 * hour, 100 * 24 * hour, 900 * 24 * hour]
  expect(told.map(humanDuration)).toEqual([
    "Less than a second",
    "1 second",
    "59 seconds",
    "About a minute",
    "About a minute",
    "2 minutes",
    "About an hour",
    "47 hours",
    "2 days",
    "2 weeks",
    "3 months",
    "2 years",
  ])
})
