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
    if (!State.Running) throw new Exit(1, "You cannot attach to a stopped container, start it first")
    if (State.Paused) throw new Exit(1, "You cannot attach to a paused container, unpause it first")
    if (State.Restarting) throw new Exit(1, "You cannot attach to a restarting container, wait until it is running")
    const stdin = !flags["no-stdin"] && Config.OpenStdin
    if (Config.Tty && stdin && !process.stdin.isTTY) throw new Exit(1, "the input device is not a TTY")
    const keys = flags["detach-keys"] || config.file.detachKeys
    const { ended } = await docker.containers.wait(Id)
    const stream = await docker.containers.attach(Id, {
      stream: true,
      stdin,
      stdout: true,
      stderr: true,
      ...(keys ? { detachKeys: keys } : {}),
    })
    using _signals =
      flags["sig-proxy"] && !Config.Tty ? proxySignals((signal) => docker.containers.kill(Id, signal)) : undefined
    using _size =
      Config.Tty && out.isTerminal ? followTerminalSize((h, w) => docker.containers.resize(Id, h, w)) : undefined
    await serveSession(stream, { out, err, terminal: Config.Tty, stdin, stdout: true, stderr: true })
    stream.close()
    const runs = await docker.containers.inspect(Id).then(
      ({ State: now }) => now.Running,
      () => false,
    )
    if (runs) {
      const soon = await Promise.race([
        ended,
        new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 200)),
      ])
      return soon?.StatusCode ?? 0
    }
    return (await ended).StatusCode
  },
})
