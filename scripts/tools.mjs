// What the set-up scripts share: plain Node, nothing installed yet.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** The checkout. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..")

/** The compiled executable. */
export const executable = join(root, "dist", "barge")

const colour = process.stdout.isTTY && !process.env.NO_COLOR
/** One line that says what is being done. */
export const say = (text) => console.log(colour ? `\u001b[1m${text}\u001b[0m` : text)

/** Ends the script with a message that says what to do. */
export function fail(text) {
  console.error(colour ? `\u001b[31m${text}\u001b[0m` : text)
  process.exit(1)
}

/** Runs a program with this terminal; ends the script when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options })
  if (result.error) fail(`cannot run ${command}: ${result.error.message}`)
  if (result.status !== 0) fail(`${command} ${args.join(" ")} ended with ${result.status ?? result.signal}`)
  return result
}

/** Runs a program quietly. @returns its output, or undefined when it failed */
export function capture(command, args) {
  const result = spawnSync(command, args, { encoding: "utf8" })
  return result.status === 0 ? result.stdout : undefined
}

/** Whether a program is on the PATH (sbin included: root's PATH lacks it in some shells). */
export function onPath(program) {
  const folders = `${process.env.PATH ?? ""}:/usr/sbin:/sbin:/usr/local/sbin`.split(":")
  return folders.some((folder) => folder && existsSync(join(folder, program)))
}

/** The pinned Bun of node_modules. Installs the lock file's packages first when they are missing. */
export function bun() {
  const find = () => {
    const folder = join(root, "node_modules", "@oven")
    if (!existsSync(folder)) return undefined
    const found = readdirSync(folder).find((name) => existsSync(join(folder, name, "bin", "bun")))
    return found && join(folder, found, "bin", "bun")
  }
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const wanted = Object.keys({ ...dependencies, ...devDependencies })
  if (!find() || !wanted.every((name) => existsSync(join(root, "node_modules", name)))) {
    say("Installing the npm packages of the lock file")
    // Not `npm ci`: it refuses a lock file without the other platforms' optional packages, which some registries do not carry.
    run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"])
  }
  return find() ?? fail("No Bun for this processor among the npm packages: Barge runs on Linux on x86_64 and arm64.")
}
