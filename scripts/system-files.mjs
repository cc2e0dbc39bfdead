// Where the system-wide installation puts things.
export const program = "/usr/local/bin/barge"
export const units = ["/etc/systemd/system/barge.service", "/etc/systemd/system/barge.socket"]
export const completions = {
  bash: "/usr/share/bash-completion/completions/barge",
  zsh: "/usr/share/zsh/vendor-completions/_barge",
  fish: "/usr/share/fish/vendor_completions.d/barge.fish",
}
