import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { kindOf } from "../errors/failure.ts"
import { registryConfig } from "./config.ts"
import { parseFlags, serveHelp } from "./flags.ts"
import { isRepositoryName, isTag, lexically, page } from "./names.ts"
import { matches } from "./policy.ts"
import { chunkRange, requestedRange } from "./routes/range.ts"
import { durationSetting, sizeSetting } from "./units.ts"

test("repository names and tags are those of the specification", () => {
  for (const name of ["a", "a/b", "a.b/c_d/e__f/g-h/i--j", "0"]) expect(isRepositoryName(name)).toBe(true)
  for (const name of ["", "A", "a//b", "/a", "a/", "a..b", "a___b", "-a", "a-", "_a", "a/../b", "x".repeat(256)]) {
    expect(isRepositoryName(name)).toBe(false)
  }
  for (const tag of ["v1", "_x", "A.b-c", "x".repeat(128)]) expect(isTag(tag)).toBe(true)
  for (const tag of ["", ".x", "-x", "a/b", "x".repeat(129)]) expect(isTag(tag)).toBe(false)
})

test("a list is cut into pages after any name, present or not", () => {
  const names = ["a", "B", "b", "c"].sort(lexically)
  expect(names).toEqual(["a", "B", "b", "c"])
  expect(page(names, { n: 2 })).toEqual({ items: ["a", "B"], next: "B" })
  expect(page(names, { n: 2, last: "B" })).toEqual({ items: ["b", "c"] })
  expect(page(names, { last: "aa" })).toEqual({ items: ["B", "b", "c"] })
  expect(page(names, { n: 0 })).toEqual({ items: [] })
})

test("patterns stop at slashes unless they are double", () => {
  expect(matches("team/*", "team/app")).toBe(true)
  expect(matches("team/*", "team/app/x")).toBe(false)
  expect(matches("team/**", "team/app/x")).toBe(true)
  expect(matches("v*", "v1.2")).toBe(true)
  expect(matches("v1.2", "v1x2")).toBe(false)
})

test("ranges are read as RFC 9110 says, chunks as the distribution specification says", () => {
  expect(requestedRange("bytes=0-0", 10)).toEqual({ start: 0, end: 1 })
  expect(requestedRange("bytes=-20", 10)).toEqual({ start: 0, end: 10 })
  expect(requestedRange("bytes=-0", 10)).toBe("unsatisfiable")
  expect(requestedRange("bytes=5-3", 10)).toBeUndefined()
  expect(requestedRange("items=0-1", 10)).toBeUndefined()
  expect(requestedRange("bytes=-", 10)).toBeUndefined()
  expect(requestedRange("bytes=0-", 0)).toBe("unsatisfiable")
  expect(chunkRange("0-9")).toEqual({ start: 0, end: 10 })
  expect(chunkRange("bytes 0-9/*")).toEqual({ start: 0, end: 10 })
  expect(chunkRange("9-0")).toBeUndefined()
})

test("sizes and durations are read with their units", () => {
  expect([sizeSetting("10GB", "x"), sizeSetting("1.5k", "x"), sizeSetting(7, "x")]).toEqual([10 * 2 ** 30, 1536, 7])
  expect([durationSetting("90s", "x"), durationSetting("30d", "x"), durationSetting(5, "x")]).toEqual([
    90_000, 2_592_000_000, 5000,
  ])
  for (const wrong of ["", "ten", "-1", "5 parsecs"]) {
    expect(() => sizeSetting(wrong, "x")).toThrow()
    expect(() => durationSetting(wrong, "x")).toThrow()
  }
})

test("settings that are unknown or cannot work are refused with what to write", () => {
  const wrong = (...args: string[]): string => {
    try {
      registryConfig(parseFlags(args))
      return "nothing"
    } catch (error) {
      expect(kindOf(error)).toBe("invalidArgument")
      return (error as Error).message
    }
  }
  expect(wrong("--nonsense")).toContain("barge registry serve --help")
  expect(wrong("--tls-cert", "x")).toContain("--tls-key")
  expect(wrong("--token")).toContain("--htpasswd")
  expect(wrong("--proxy", "hub")).toContain("PREFIX=https://HOST")
  expect(wrong("--config", "/nowhere.json")).toContain("/nowhere.json")
  expect(wrong("--quota", "much")).toContain("10GB")
  expect(registryConfig(parseFlags(["--proxy", "hub=https://u:p%40@registry.example/"])).proxies).toEqual([
    { url: "https://registry.example", prefix: "hub/", username: "u", password: "p@", ttl: 600_000 },
  ])
})

test("every flag and every setting of the file is in docs/registry.md", () => {
  const docs = readFileSync(join(import.meta.dir, "../../docs/registry.md"), "utf8")
  const flags = [...serveHelp().matchAll(/^ +--([\w-]+)/gm)].map(([, name]) => name!)
  expect(flags.length).toBeGreaterThan(20)
  expect(flags.filter((name) => name !== "help" && !docs.includes(`\`--${name}`))).toEqual([])

  const folder = mkdtempSync(join(tmpdir(), "registry-settings-"))
  const file = join(folder, "config.json")
  /** The settings that the refusal of an unknown one lists. */
  const known = (document: object): string[] => {
    writeFileSync(file, JSON.stringify(document))
    try {
      registryConfig(parseFlags(["--config", file]))
    } catch (error) {
      const list = /unknown setting nonsense; known are (.*)$/.exec((error as Error).message)
      if (list) return list[1]!.split(", ")
      throw error
    }
    throw new Error("nonsense was taken")
  }
  const nonsense = { nonsense: 1 }
  const inside: Readonly<Record<string, object>> = {
    tls: { cert: "c", key: "k" },
    auth: { type: "token", htpasswd: "f" },
    s3: { bucket: "b", accessKey: "a", secretKey: "s" },
    gc: {},
    rights: [{}],
    immutable: [{}],
    quotas: [{}],
    proxies: [{ url: "https://registry.example" }],
    retention: [{ keepLast: 1 }],
    webhooks: [{ url: "https://hook.example" }],
  }
  try {
    const top = known(nonsense)
    expect(Object.keys(inside).filter((name) => !top.includes(name))).toEqual([])
    const nested = Object.entries(inside).flatMap(([name, value]) =>
      known({ [name]: Array.isArray(value) ? [{ ...value[0], ...nonsense }] : { ...value, ...nonsense } }),
    )
    expect([...top, ...nested].filter((name) => !docs.includes(`\`${name}\``))).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
