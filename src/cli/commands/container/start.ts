import { messageOf } from "../../../errors/failure.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { bool, text } from "../../flags/flag.ts"
import { watchEnding } from "../../run/ending.ts"
import { followTerminalSize, proxySignals, serveSession } from "../../session.ts"

export const start = command({
  use: "start [OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "stoppedContainers",
  flags: {
    attach: bool("a", "Attach STDOUT/STDERR and forward signals"),
    checkpoint: text("", "Restore from this checkpoint", "", { experimental: true }),
    "checkpoint-dir": text("", "Use a custom checkpoint storage directory", "", { experimental: true }),
    "detach-keys": text("", "Override the key sequence for detaching a container"),
    interactive: bool("i", "Attach container's STDIN"),
  },
  run: async ({ args, flags, docker, out, err, config }) => {
    const checkpoint = { checkpoint: flags.checkpoint, "checkpoint-dir": flags["checkpoint-dir"] }
    if (!flags.attach && !flags.interactive && flags.checkpoint) {
      if (args.length > 1) throw new Exit(1, "you cannot restore multiple containers at once")
      await docker.containers.start(args[0]!, checkpoint)
      return 0
    }
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
      if (failed.length > 0) throw new Exit(1, `failed to start containers: ${failed.join(", ")}`)
      return 0
    }
    if (args.length > 1) throw new Exit(1, "you cannot start and attach multiple containers at once")
    const name = args[0]!
    const { Id, Config, HostConfig } = await docker.containers.inspect(name)
    const stdin = flags.interactive && Config.OpenStdin
    const detachKeys = flags["detach-keys"] || config.file.detachKeys || ""
    using _signals = Config.Tty ? undefined : proxySignals((signal) => docker.containers.kill(Id, signal))
    const ending = await watchEnding(docker, Id, { removes: HostConfig.AutoRemove })
    const stream = await docker.containers.attach(Id, {
      stream: true,
      stdin,
      stdout: true,
      stderr: true,
      ...(detachKeys ? { detachKeys } : {}),
    })
    const session = serveSession(stream, {
      out,
      err,
      terminal: Config.Tty,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys,
    })
    session.catch(() => {})
    try {
      await docker.containers.start(Id, checkpoint)
    } catch (error) {
      stream.close()
      await ending.startFailed()
      throw new Exit(1, messageOf(error))
    }
    using _size =
      Config.Tty && out.isTerminal ? followTerminalSize((h, w) => docker.containers.resize(Id, h, w)) : undefined
    const end = await session
    stream.close()
    return end === "detached" ? 0 : (await ending.ended).StatusCode
  },
})
