// npm test: sets everything up, then types, style and all tests. Needs root, as containers do.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { build } from "./build.mjs"
import { ensurePackages, testNeeds } from "./packages.mjs"
import { bun, fail, root, say } from "./tools.mjs"

ensurePackages(testNeeds)
const program = bun()
say("Building")
build()

const tool = (name) => join(root, "node_modules", ".bin", name)
for (const [name, args] of [
  ["tsc", ["--noEmit"]],
  ["biome", ["check", "--error-on-warnings", "."]],
]) {
  say(`Checking with ${name}`)
  const result = spawnSync(tool(name), args, { cwd: root, stdio: "inherit" })
  if (result.status !== 0) fail(`${name} found something to mend`)
}

const chosen = process.argv.slice(2)
say("Running the tests")
// What tests lay out is for their containers' users to read, whoever starts them.
process.umask(0o022)
// The limit ends what hangs; what takes forty seconds on a busy machine may take longer on a slow one.
const result = spawnSync(program, ["test", "--timeout=300000", ...chosen], {
  cwd: root,
  encoding: "utf8",
  stdio: ["ignore", "pipe", "pipe"],
  maxBuffer: 1 << 28,
})
const output = `${result.stdout}${result.stderr}`
process.stdout.write(output)
for (const failure of failures(output)) console.log(`\n${failure}`)
const count = (word) => Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0)
console.log(`\n${count("pass")} passed, ${count("fail")} failed, ${count("skip")} skipped`)
process.exit(result.status ?? 1)

/** What was printed of each failed test, once more: the end of a long output is what is read first, and kept longest. */
function failures(output) {
  const lines = output.split("\n")
  const told = []
  let from = 0
  for (const [at, line] of lines.entries()) {
    if (/^\d+ tests? (failed|skipped):$/.test(line)) break
    if (line.startsWith("(fail)")) told.push(lines.slice(Math.max(from, at - 60), at + 1).join("\n"))
    if (/^\((pass|fail|skip)\)/.test(line)) from = at + 1
  }
  return told
}
