import { PluginsClient } from "../../../client/plugins.ts"
import { atLeast, command, exactly } from "../../command.ts"
import { forEachReporting } from "../../each.ts"
import { bool } from "../../flags/flag.ts"
import { objectFormat } from "../../flags/format.ts"
import { int } from "../../flags/numbers.ts"
import { inspectEach } from "../../inspect-each.ts"

export const disable = command({
  use: "disable [OPTIONS] PLUGIN",
  args: exactly(1),
  complete: "plugins",
  flags: { force: bool("f", "Force the disable of an active plugin") },
  run: async ({ args, flags, docker, out }) => {
    await new PluginsClient(docker.transport).disable(args[0]!, flags.force)
    out.line(args[0])
  },
})

export const enable = command({
  use: "enable [OPTIONS] PLUGIN",
  args: exactly(1),
  complete: "plugins",
  flags: { timeout: int("", "HTTP client timeout (in seconds)", 30) },
  run: async ({ args, flags, docker, out }) => {
    if (flags.timeout < 0) throw new Error(`negative timeout ${flags.timeout} is invalid`)
    await new PluginsClient(docker.transport).enable(args[0]!, flags.timeout)
    out.line(args[0])
  },
})

export const inspect = command({
  use: "inspect [OPTIONS] PLUGIN [PLUGIN...]",
  args: atLeast(1),
  complete: "plugins",
  flags: { format: objectFormat() },
  run: ({ args, flags, docker, out }) => {
    const plugins = new PluginsClient(docker.transport)
    return inspectEach(args, flags.format, out, (name) => plugins.inspectText(name))
  },
})

export const rm = command({
  use: "rm [OPTIONS] PLUGIN [PLUGIN...]",
  args: atLeast(1),
  complete: "plugins",
  flags: { force: bool("f", "Force the removal of an active plugin") },
  run: ({ args, flags, docker, out }) =>
    forEachReporting(args, async (name) => {
      await new PluginsClient(docker.transport).remove(name, flags.force)
      out.line(name)
    }),
})

export const set = command({
  use: "set PLUGIN KEY=VALUE [KEY=VALUE...]",
  args: atLeast(2),
  complete: ["plugins"],
  flags: {},
  run: async ({ args, docker }) => {
    const [name = "", ...settings] = args
    await new PluginsClient(docker.transport).set(name, settings)
  },
})
