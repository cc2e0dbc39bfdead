import { command, Exit, exactly } from "../../command.ts"
import { bool, text } from "../../flags/flag.ts"
import { followTerminalSize, proxySignals, serveSession } from "../../session.ts"

export const attach = command({
  use: "attach [OPTIONS] CONTAINER",
  args: exactly(1),
  complete: "runningContainers",
  flags: {
    "detach-keys": text("", "Override the key sequence for detaching a container"),
    "no-stdin": bool("", "Do not attach STDIN"),
    "sig-proxy": bool("", "Proxy all received signals to the process", true),
  },
  run: async ({ args, flags, docker, out, err, config }) => {
    const name = args[0]!
    const { Id, Config, State } = await docker.containers.inspect(name)
    checkRuns(State)
    const stdin = !flags["no-stdin"] && Config.OpenStdin
    if (!flags["no-stdin"] && Config.Tty && !process.stdin.isTTY)
      throw new Exit(1, "cannot attach stdin to a TTY-enabled container because stdin is not a terminal")
    const detachKeys = flags["detach-keys"] || config.file.detachKeys || ""
    const { ended } = await docker.containers.wait(Id)
    using _signals =
      flags["sig-proxy"] && !Config.Tty ? proxySignals((signal) => docker.containers.kill(Id, signal)) : undefined
    const stream = await docker.containers.attach(Id, {
      stream: true,
      stdin,
      stdout: true,
      stderr: true,
      ...(detachKeys ? { detachKeys } : {}),
    })
    // It may have ended before it was attached to; then nothing would ever come.
    checkRuns((await docker.containers.inspect(Id)).State)
    if (Config.Tty && out.rows && out.columns)
      // Another size and the right one again: only that makes a shell draw its prompt for those who come later.
      await docker.containers.resize(Id, out.rows + 1, out.columns + 1).catch(() => {})
    using _size =
      Config.Tty && out.isTerminal ? followTerminalSize((h, w) => docker.containers.resize(Id, h, w)) : undefined
    const end = await serveSession(stream, {
      out,
      err,
      terminal: Config.Tty,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys,
    })
    stream.close()
    if (end === "detached") throw new Exit(1, "read escape sequence")
    const { StatusCode, Error: failure } = await ended
    if (failure?.Message) throw new Exit(1, failure.Message)
    return StatusCode
  },
})

function checkRuns(state: { readonly Running: boolean; readonly Paused: boolean; readonly Restarting: boolean }): void {
  if (!state.Running) throw new Exit(1, "cannot attach to a stopped container, start it first")
  if (state.Paused) throw new Exit(1, "cannot attach to a paused container, unpause it first")
  if (state.Restarting) throw new Exit(1, "cannot attach to a restarting container, wait until it is running")
}
