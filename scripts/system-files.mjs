// Where the system-wide installation puts things. DESTDIR puts them below another root, and leaves systemd alone.
import { existsSync } from "node:fs"

const destination = process.env.DESTDIR ?? ""

export const program = `${destination}/usr/local/bin/barge`
export const units = ["barge.service", "barge.socket"].map((name) => `${destination}/etc/systemd/system/${name}`)
export const completions = {
  bash: `${destination}/usr/share/bash-completion/completions/barge`,
  zsh: `${destination}/usr/share/zsh/vendor-completions/_barge`,
  fish: `${destination}/usr/share/fish/vendor_completions.d/barge.fish`,
}

/** The daemon's settings; whoever runs it writes them. */
export const configuration = `${destination}/etc/barge/daemon.json`

/** Whether units are systemd's to start and stop. */
export const underSystemd = destination === "" && existsSync("/run/systemd/system")
