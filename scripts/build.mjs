// Compiles dist/barge: one executable with every Worker inside.
import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { bun, capture, fail, executable as own, root } from "./tools.mjs"

const sources = join(root, "src")
const files = readdirSync(sources, { recursive: true }).map(String)

/** Whether an executable is younger than everything it is made of. */
function upToDate(file) {
  try {
    const built = statSync(file).mtimeMs
    const inputs = [
      ...files.map((file) => join(sources, file)),
      join(root, "package.json"),
      join(root, "package-lock.json"),
    ]
    return inputs.every((file) => statSync(file).mtimeMs < built)
  } catch {
    return false
  }
}

/**
 * Builds unless nothing changed.
 * @param how.cross another processor to build for: Bun's name of it (`bun-linux-arm64`) and the file of its Bun
 * @returns the executable's path
 */
export function build({ force = false, executable = own, cross } = {}) {
  const program = bun()
  if (!force && upToDate(executable)) return executable
  mkdirSync(dirname(executable), { recursive: true })
  const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version
  const commit = capture("git", ["-C", root, "rev-parse", "--short", "HEAD"])?.trim() || "unknown"
  const workers = files.filter((file) => file.endsWith(".worker.ts")).map((file) => join("src", file))
  const temporary = `${executable}.${process.pid}.new`
  const result = spawnSync(
    program,
    [
      "build",
      "--compile",
      "--minify",
      "--bytecode",
      "--splitting", // each process loads its own part: the command line starts in two thirds of the time
      "--format=esm",
      // Files that happen to lie where somebody calls the program are no business of it.
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
      ...(cross ? [`--target=${cross.target}`, `--compile-executable-path=${cross.bun}`] : []),
      `--define=BARGE_VERSION=${JSON.stringify(version)}`,
      `--define=BARGE_COMMIT=${JSON.stringify(commit)}`,
      `--define=BARGE_BUILT=${JSON.stringify(new Date().toISOString())}`,
      "src/main.ts",
      ...workers,
      "--outfile",
      temporary,
    ],
    { cwd: root, encoding: "utf8" },
  )
  if (result.status !== 0) fail(`The build failed:\n${result.stdout}${result.stderr}`)
  renameSync(temporary, executable) // a running daemon keeps its own file; a new one starts the new build
  return executable
}

if (process.argv[1] === import.meta.filename || process.argv[1]?.endsWith("build.mjs"))
  console.log(build({ force: true }))
