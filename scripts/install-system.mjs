// npm run install-system: the executable, shell completion and systemd units in their places.
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { build } from "./build.mjs"
import { daemonPid, runRoot, startedHere } from "./daemon.mjs"
import { ensurePackages } from "./packages.mjs"
import { completions, program, underSystemd, units } from "./system-files.mjs"
import { capture, executable, fail, root, run, say } from "./tools.mjs"

ensurePackages()
build()
if (underSystemd && daemonPid() && startedHere())
  fail(`The daemon that npm start began holds ${runRoot}. End it first with: npm run stop`)
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
  copyFileSync(join(root, "packaging", basename(path)), path)
  say(`Installed ${path}`)
}
if (underSystemd) {
  run("systemctl", ["daemon-reload"])
  run("systemctl", ["enable", "--now", "barge.socket", "barge.service"])
  spawnSync("systemctl", ["--no-pager", "status", "barge.service"], { stdio: "inherit" })
} else console.log("\nNo systemd runs here. Start the daemon with: barge daemon")
console.log(`
Root may use Barge, and so may users in the group docker, which makes them as mighty as root:
  groupadd -f docker && usermod -aG docker USER      (then log in again and restart the daemon)
npm run uninstall-system stops what runs and takes this away again.`)
