import { existsSync } from "node:fs"
import { join } from "node:path"
import { Readable } from "node:stream"
import { createGzip } from "node:zlib"
import { type PluginPrivilege, PluginsClient } from "../../../client/plugins.ts"
import { familiar, parseReference, withDefaultTag } from "../../../oci/reference.ts"
import { atLeast, between, command, Exit, exactly } from "../../command.ts"
import { confirm } from "../../confirm.ts"
import { packTree } from "../../copy/pack.ts"
import { bool, text } from "../../flags/flag.ts"
import type { Output } from "../../streams.ts"

const trust = (usage: string) => bool("", usage, true, { hidden: true })
const grantFlag = bool("", "Grant all permissions necessary to run the plugin")

export const create = command({
  use: "create [OPTIONS] PLUGIN PLUGIN-DATA-DIR",
  args: exactly(2),
  flags: { compress: bool("", "Compress the context using gzip") },
  run: async ({ args, flags, docker, out }) => {
    const [name = "", folder = ""] = args
    const [settings, tree] = [join(folder, "config.json"), join(folder, "rootfs")]
    if (!existsSync(settings)) throw new Exit(1, `open ${settings}: no such file or directory`)
    if (!existsSync(tree)) throw new Exit(1, `stat ${tree}: no such file or directory`)
    const tar = packTree({ root: folder, base: "", name: "" })
    const upload = flags.compress ? compressed(tar) : tar
    await new PluginsClient(docker.transport).create(name, upload)
    out.line(name)
  },
})

export const install = command({
  use: "install [OPTIONS] PLUGIN [KEY=VALUE...]",
  args: atLeast(1),
  flags: {
    alias: text("", "Local name for plugin"),
    disable: bool("", "Do not enable the plugin on install"),
    "disable-content-trust": trust("Skip image verification"),
    "grant-all-permissions": grantFlag,
  },
  run: async ({ args, flags, docker, out }) => {
    const [given = "", ...settings] = args
    const remote = familiar(withDefaultTag(parseReference(given)))
    const name = flags.alias ? familiar(withDefaultTag(parseReference(flags.alias))) : remote
    const plugins = new PluginsClient(docker.transport)
    const granted = await grant(plugins, remote, flags["grant-all-permissions"], out)
    await plugins.pull({ remote, name }, granted)
    if (settings.length > 0) await plugins.set(name, settings)
    if (!flags.disable) await plugins.enable(name, 30)
    out.line(`Installed plugin ${given}`)
  },
})

export const push = command({
  use: "push [OPTIONS] PLUGIN[:TAG]",
  args: exactly(1),
  complete: "plugins",
  flags: { "disable-content-trust": trust("Skip image signing") },
  run: async ({ args, docker }) => {
    await new PluginsClient(docker.transport).push(familiar(withDefaultTag(parseReference(args[0]!))))
  },
})

export const upgrade = command({
  use: "upgrade [OPTIONS] PLUGIN [REMOTE]",
  args: between(1, 2),
  complete: ["plugins"],
  flags: {
    "disable-content-trust": trust("Skip image verification"),
    "grant-all-permissions": grantFlag,
    "skip-remote-check": bool("", "Do not check if specified remote plugin matches existing plugin image"),
  },
  run: async ({ args, flags, docker, out }) => {
    const plugins = new PluginsClient(docker.transport)
    const [name = "", given] = args
    const plugin = JSON.parse(await plugins.inspectText(name)) as { Enabled: boolean; PluginReference?: string }
    if (plugin.Enabled) throw new Exit(1, "the plugin must be disabled before upgrading")
    const remote = familiar(withDefaultTag(parseReference(given ?? plugin.PluginReference ?? name)))
    const granted = await grant(plugins, remote, flags["grant-all-permissions"], out)
    await plugins.upgrade(name, remote, granted)
    out.line(`Upgraded plugin ${name} to ${remote}`)
  },
})

/** What the plugin wants to be allowed, if the user agrees. */
async function grant(
  plugins: PluginsClient,
  remote: string,
  all: boolean,
  out: Output,
): Promise<readonly PluginPrivilege[]> {
  const wanted = await plugins.privileges(remote)
  if (all || wanted.length === 0) return wanted
  const list = wanted.map(({ Name, Value }) => ` - ${Name}: [${(Value ?? []).join(" ")}]\n`).join("")
  const question = `Plugin "${remote}" is requesting the following privileges:\n${list}Do you grant the above permissions?`
  if (!(await confirm(question, out))) throw new Exit(1, "plugin install has been cancelled")
  return wanted
}

function compressed(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const gzip = createGzip()
  Readable.from(source)
    .on("error", (error) => gzip.destroy(error))
    .pipe(gzip)
  return gzip
}
