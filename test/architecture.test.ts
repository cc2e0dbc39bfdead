import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"

/** Folders of `src`, lowest first. A folder imports only from rows above its own and from itself. */
const rows = [
  ["std", "errors", "oci"],
  ["api", "linux", "trace"],
  ["runtime", "network", "distribution", "client", "logs", "flag-values"],
  ["shim"],
  ["core"],
  ["build", "scout", "registry"],
  ["engine", "cri"],
  ["cli", "compose", "dashboard"],
  ["daemon"],
]
/** The lowest row's folders may use each other in this order: errors, then std, then oci. */
const withinLowest = ["errors", "std", "oci"]

const source = resolve(import.meta.dir, "../src")
const rowOf = (folder: string) => rows.findIndex((row) => row.includes(folder))

function* typescriptFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* typescriptFiles(path)
    else if (/\.tsx?$/.test(entry.name)) yield path
  }
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8")
  return [...text.matchAll(/(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g)].map((match) => match[1]!)
}

test("imports, type imports included, point only to lower layers", () => {
  const offences: string[] = []
  for (const file of typescriptFiles(source)) {
    const from = relative(source, file)
    const folder = from.split("/")[0]!
    if (!from.includes("/")) continue // the entry point composes processes, as daemon/ composes layers
    if (rowOf(folder) < 0) offences.push(`${from}: folder "${folder}" is in no row`)
    for (const specifier of importsOf(file)) {
      const to = relative(source, join(dirname(file), specifier))
      const target = to.split("/")[0]!
      if (target === folder || to.startsWith("..")) continue
      const lower = rowOf(target) < rowOf(folder)
      const lowest =
        rowOf(folder) === 0 && rowOf(target) === 0 && withinLowest.indexOf(target) < withinLowest.indexOf(folder)
      if (!lower && !lowest) offences.push(`${from} → ${to}`)
    }
  }
  expect(offences).toEqual([])
})

test("only the engine and clients of its API know Docker's wire types", () => {
  const allowed = /^(api|client|flag-values|engine|cli|compose|dashboard|daemon)\//
  const offences = [...typescriptFiles(source)]
    .filter((file) => importsOf(file).some((to) => relative(source, join(dirname(file), to)).startsWith("api/")))
    .map((file) => relative(source, file))
    .filter((file) => !allowed.test(file))
  expect(offences).toEqual([])
})

test("only linux, std and core/metadata use what only Bun has", () => {
  const allowed = /^(linux|std|core\/metadata)\//
  const offences = [...typescriptFiles(source)]
    .filter((file) => !/(\.test|\/suite)\.ts$/.test(file))
    .filter((file) => /from ["']bun(:[a-z]+)?["']|\bBun\./.test(readFileSync(file, "utf8")))
    .map((file) => relative(source, file))
    .filter((file) => !allowed.test(file))
  expect(offences).toEqual([])
})

test("core's folders import each other in one direction: no way leads from one back to itself", () => {
  const core = join(source, "core")
  const leads = new Map<string, Set<string>>()
  for (const file of typescriptFiles(core)) {
    const folder = relative(core, file).split("/")[0]!
    const targets = leads.get(folder) ?? new Set()
    leads.set(folder, targets)
    for (const specifier of importsOf(file)) {
      const to = relative(core, join(dirname(file), specifier))
      const target = to.split("/")[0]!
      if (!to.startsWith("..") && to.includes("/") && target !== folder) targets.add(target)
    }
  }
  const circles: string[] = []
  const follow = (way: readonly string[]): void => {
    for (const next of leads.get(way.at(-1)!) ?? []) {
      // Each circle is told once, from the folder that comes first by name.
      if (next === way[0]) circles.push([...way, next].join(" → "))
      else if (next > way[0]! && !way.includes(next)) follow([...way, next])
    }
  }
  for (const folder of leads.keys()) follow([folder])
  expect(circles).toEqual([])
})
