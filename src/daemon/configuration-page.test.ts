import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { daemonFlags } from "./flag-table.ts"
import { daemonHelp } from "./help.ts"

const source = resolve(import.meta.dir, "..")
const page = readFileSync(resolve(source, "../docs/configuration.md"), "utf8")

/** Flags that are for the command line only. */
const withoutKey = ["config-file", "help", "validate", "version"]

/** The rows of the page's tables whose first cell names flags, as cells. */
const flagRows = page
  .split("\n")
  .filter((line) => /^\| `--/.test(line))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))

const flagsIn = (cell: string): readonly string[] => [...cell.matchAll(/`--([\w-]+)`/g)].map((match) => match[1]!)

test("the page has every flag of the daemon's help once, and no other", () => {
  const inHelp = [...daemonHelp("barge daemon", 1000).matchAll(/(?<=\s)--([\w-]+)/g)].map((match) => match[1]!)
  const known = new Set(inHelp.filter((name) => name in daemonFlags))
  expect(known.size).toBeGreaterThan(80)
  const documented = flagRows.flatMap((row) => flagsIn(row[1]!))
  expect([...documented].sort()).toEqual([...known].sort())
})

test("the page names every flag that the daemon refuses", () => {
  const refused = Object.keys(daemonFlags).filter((name) => daemonFlags[name]?.refused)
  expect(refused.filter((name) => !page.includes(`\`--${name}\``))).toEqual([])
})

test("beside each flag stand its letter and its key in the configuration file", () => {
  const wrong = flagRows.flatMap((row) =>
    flagsIn(row[1]!).filter((name) => {
      const { key = name, short } = daemonFlags[name]!
      if (short && !row[1]!.includes(`\`-${short}\``)) return true
      return !withoutKey.includes(name) && !row[2]!.includes(`\`${key}\``)
    }),
  )
  expect(wrong).toEqual([])
})

test("the page names every environment variable that the source reads", () => {
  const files = readdirSync(source, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".ts") && !/\.(test|fixture)\.ts$/.test(file))
  const read = files.flatMap((file) =>
    [...readFileSync(join(source, file), "utf8").matchAll(/\b(?:env|environment)\["([A-Z][A-Z_]+)"\]/g)].map(
      (match) => match[1]!,
    ),
  )
  expect(new Set(read).size).toBeGreaterThan(15)
  expect([...new Set(read)].filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})
