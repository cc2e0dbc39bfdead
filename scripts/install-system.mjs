// npm run install-system: the executable, shell completion and systemd units in their places.
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { build } from "./build.mjs"
import { ensurePackages } from "./packages.mjs"
import { completions, program, units } from "./system-files.mjs"
import { capture, executable, root, run, say } from "./tools.mjs"

ensurePackages()
build()
mkdirSync(dirname(program), { recursive: true })
copyFileSync(executable, `${program}.new`)
renameSync(`${program}.new`, program)
say(`Installed ${program}`)
for (const [shell, path] of Object.entries(completions)) {
  const script = capture(program, ["completion", shell])
  if (!script) continue
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, script)
  say(`Installed completion for ${shell}: ${path}`)
}
for (const path of units) {
  mkdirSync(dirname(path), { recursive: true })
  copyFileSync(join(root, "packaging", path.split("/").at(-1)), path)
  say(`Installed ${path}`)
}
if (existsSync("/run/systemd/system")) {
  run("systemctl", ["daemon-reload"])
  run("systemctl", ["enable", "--now", "barge.socket", "barge.service"])
  spawnSync("systemctl", ["--no-pager", "status", "barge.service"], { stdio: "inherit" })
} else console.log("\nNo systemd runs here. Start the daemon with: barge daemon")
