import { expect, test } from "bun:test"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { dockerRelease } from "../src/api/docker-release.ts"
import { newestVersion, oldestVersion } from "../src/engine/compat/version.ts"

const root = resolve(import.meta.dir, "..")
/** Folders that hold other projects' files, or what a build made. */
const foreign = ["node_modules", "dist", ".git", ".cache"]

function* markdownFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !foreign.includes(entry.name)) yield* markdownFiles(path)
    else if (entry.name.endsWith(".md")) yield path
  }
}

const pages = [...markdownFiles(root)].map((path) => ({
  path,
  name: relative(root, path),
  text: readFileSync(path, "utf8"),
}))

/** The text without its blocks of code, whose brackets and hashes mean something else. */
const prose = (text: string) => text.replace(/^```[\s\S]*?^```/gm, "")

/** The anchors of a page's headings, as GitHub makes them. */
const anchors = (text: string): readonly string[] =>
  [...prose(text).matchAll(/^#+ +(.*)$/gm)].map((heading) =>
    heading[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  )

test("every relative link in the documentation leads to a file, and to a heading in it", () => {
  const links = pages.flatMap(({ path, name, text }) =>
    [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !/^[a-z]+:/.test(link))
      .map((link) => ({ path, name, link })),
  )
  expect(links.length).toBeGreaterThan(10)
  const broken = links.filter(({ path, link }) => {
    const [file = "", anchor] = link.split("#")
    const target = file === "" ? path : join(dirname(path), file)
    if (!existsSync(target)) return true
    return anchor !== undefined && !anchors(readFileSync(target, "utf8")).includes(anchor)
  })
  expect(broken.map(({ name, link }) => `${name} → ${link}`)).toEqual([])
})

test("every path of the source that the documentation names exists", () => {
  const layers = readdirSync(join(root, "src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
  const inRoot = ["src", "test", "docs", "scripts", "bench", "packaging", ".ci"]
  const named = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/`([\w.-]+\/[\w./-]+)`/g)]
      .map((match) => match[1]!)
      .filter((path) => [...layers, ...inRoot].includes(path.split("/")[0]!))
      .map((path) => ({ name, path })),
  )
  expect(named.length).toBeGreaterThan(50)
  const exists = (path: string) => [path, `${path}.ts`].some((each) => existsSync(join(root, each)))
  const missing = named.filter(({ path }) => !exists(path) && !exists(join("src", path)))
  expect(missing.map(({ name, path }) => `${name}: ${path}`)).toEqual([])
})

test("every npm script that the documentation names is in package.json", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const named = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map((match) => ({ name, script: match[1]! })),
  )
  expect(named.length).toBeGreaterThan(5)
  expect(named.filter(({ script }) => !(script in scripts)).map(({ name, script }) => `${name}: ${script}`)).toEqual([])
})

test("every page of docs/ is linked from the README", () => {
  const readme = pages.find(({ name }) => name === "README.md")!.text
  const unlinked = pages.map(({ name }) => name).filter((name) => name.startsWith("docs/"))
  expect(unlinked.filter((name) => !readme.includes(`](${name})`))).toEqual([])
})

test("the versions that the documentation tells are those of the program", () => {
  const text = (name: string) => pages.find((page) => page.name === name)!.text
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const release = dockerRelease.split("+")[0]!
  expect(text("README.md")).toContain(`Docker's API ${newestVersion} (Docker ${release.replace(/\.0$/, "")})`)
  expect(text("README.md")).toContain(`for clients from ${oldestVersion} on`)
  expect(text("CHANGELOG.md")).toContain(`\`${release}+barge-${version.replace(/[^0-9A-Za-z]+/g, "-")}\``)
  expect(text("CHANGELOG.md")).toContain(`## ${version}`)
  expect(text("docs/coming-from-docker.md")).toContain(`\`${release}+barge-…\``)
})

test("every test that the page of faults names is there, and every fault without one says so", () => {
  const { text } = pages.find(({ name }) => name === "docs/reviewed-faults.md")!
  const rows = text.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| item "))
  expect(rows.length).toBeGreaterThan(100)
  const named = (row: string) => [...row.matchAll(/`((?:src|test)\/[\w./-]+\.ts)` “([^”]+)”/g)]
  const tested = rows.filter((row) => named(row).length > 0)
  expect(rows.filter((row) => !tested.includes(row) && !row.includes("no test yet"))).toEqual([])
  const missing = tested.flatMap(named).filter(([, file, title]) => {
    const path = join(root, file!)
    return !existsSync(path) || !readFileSync(path, "utf8").includes(title!)
  })
  expect(missing.map(([all]) => all)).toEqual([])
})
