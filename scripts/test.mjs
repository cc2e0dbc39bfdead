// npm test: sets everything up, then types, style and all tests. Needs root, as containers do.
// npm test -- src/std stop.test -t leaks: the files whose paths contain one of these words, with bun's own options.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { build } from "./build.mjs"
import { ensurePackages, testNeeds } from "./packages.mjs"
import { planTests, runTests } from "./test-run.mjs"
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

const words = process.argv.slice(2)
const firstOption = words.findIndex((word) => word.startsWith("-"))
const [chosen, options] = firstOption < 0 ? [words, []] : [words.slice(0, firstOption), words.slice(firstOption)]
const plan = planTests(root, chosen)
if (plan.length === 0) fail(`No test file is called like ${chosen.join(" or ")}`)
say("Running the tests")
// What tests lay out is for their containers' users to read, whoever starts them.
process.umask(0o022)
process.exit(await runTests(plan, { folder: root, program, options }))
