import { expect, test } from "bun:test"
import { matchesPlatform, type Platform, parsePlatform, platformDistance } from "./platform.ts"

const linux = (architecture: string, variant?: string): Platform => ({
  os: "linux",
  architecture,
  ...(variant ? { variant } : {}),
})

test("a platform is read in every way that people write it", () => {
  expect(parsePlatform("linux/amd64")).toEqual(linux("amd64"))
  expect(parsePlatform("LINUX/x86_64")).toEqual(linux("amd64"))
  expect(parsePlatform("linux/aarch64/v8")).toEqual(linux("arm64"))
  expect(parsePlatform("linux/arm/7")).toEqual(linux("arm", "v7"))
  expect(parsePlatform("armhf")).toEqual(linux("arm", "v7"))
  expect(parsePlatform("s390x")).toEqual(linux("s390x"))
  expect(parsePlatform("windows(10.0.17763)/amd64")).toEqual({
    os: "windows",
    "os.version": "10.0.17763",
    architecture: "amd64",
  })
  expect(parsePlatform("macos/arm64").os).toBe("darwin")
})

test("what is no platform is refused in containerd's words", () => {
  expect(() => parsePlatform("foobar")).toThrow('"foobar": unknown operating system or architecture: invalid argument')
  expect(() => parsePlatform("/")).toThrow('"" is an invalid OS component of "/"')
  expect(() => parsePlatform("linux/a b")).toThrow('"a b" is an invalid component of "linux/a b"')
  expect(() => parsePlatform("linux/arm/v7/x")).toThrow("cannot parse platform specifier")
})

test("a host runs its own platform best, then older variants, then its 32-bit forerunners", () => {
  const order = (wanted: Platform, ...candidates: readonly Platform[]) =>
    candidates
      .map((candidate) => ({ candidate, distance: platformDistance(wanted, candidate) }))
      .filter(({ distance }) => distance !== undefined)
      .sort((one, other) => one.distance! - other.distance!)
      .map(({ candidate }) => `${candidate.architecture}${candidate.variant ?? ""}`)
  expect(order(linux("arm64"), linux("arm", "v6"), linux("arm", "v7"), linux("arm64", "v8"))).toEqual([
    "arm64v8",
    "armv7",
    "armv6",
  ])
  expect(order(linux("arm", "v6"), linux("arm", "v7"), linux("arm", "v5"), linux("arm", "v6"))).toEqual([
    "armv6",
    "armv5",
  ])
  expect(order(linux("amd64"), linux("386"), linux("amd64", "v3"), linux("amd64"))).toEqual(["amd64", "386"])
  expect(platformDistance(linux("amd64"), { os: "windows", architecture: "amd64" })).toBeUndefined()
  expect(matchesPlatform(linux("x86_64"), linux("amd64"))).toBe(true)
})
