import { messageOf } from "../../../errors/failure.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { bool, text } from "../../flags/flag.ts"
import { followTerminalSize, proxySignals, serveSession } from "../../session.ts"

export const start = command({
  use: "start [OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "stoppedContainers",
  flags: {
    attach: bool("a", "Attach STDOUT/STDERR and forward signals"),
    "detach-keys": text("", "Override the key sequence for detaching a container"),
    interactive: bool("i", "Attach container's STDIN"),
  },
  run: async ({ args, flags, docker, out, err }) => {
    if (!flags.attach && !flags.interactive) {
      const failed: string[] = []
      for (const name of args) {
        try {
          await docker.containers.start(name)
          out.line(name)
        } catch (error) {
          err.line(messageOf(error))
          failed.push(name)
        }
      }
      if (failed.length > 0) throw new Exit(1, `Error: failed to start containers: ${failed.join(", ")}`)
      return 0
    }
    if (args.length > 1) throw new Exit(1, "you cannot start and attach multiple containers at once")
    const name = args[0]!
    const { Id, Config, HostConfig } = await docker.containers.inspect(name)
    const stdin = flags.interactive && Config.OpenStdin
    const { ended } = await docker.containers.wait(Id, HostConfig.AutoRemove ? "removed" : "next-exit")
    const stream = await docker.containers.attach(Id, {
      stream: true,
      stdin,
      stdout: true,
      stderr: true,
      ...(flags["detach-keys"] ? { detachKeys: flags["detach-keys"] } : {}),
    })
    using _signals = Config.Tty ? undefined : proxySignals((signal) => docker.containers.kill(Id, signal))
    const session = serveSession(stream, { out, err, terminal: Config.Tty, stdin, stdout: true, stderr: true })
    session.catch(() => {})
    try {
      await docker.containers.start(Id)
    } catch (error) {
      stream.close()
      throw new Exit(1, messageOf(error))
    }
    using _size =
      Config.Tty && out.isTerminal ? followTerminalSize((h, w) => docker.containers.resize(Id, h, w)) : undefined
    await session
    stream.close()
    const outcome = await Promise.race([
      ended,
      detached(() => docker.containers.inspect(Id).then(({ State }) => State.Running)),
    ])
    return outcome === "detached" ? 0 : outcome.StatusCode
  },
})

/** Resolves when the process runs on although its output has ended: the user has detached. Never, when it does not. */
async function detached(runs: () => Promise<boolean>): Promise<"detached"> {
  await new Promise((resolve) => setTimeout(resolve, 200))
  if (await runs().catch(() => false)) return "detached"
  return await new Promise(() => {})
}
