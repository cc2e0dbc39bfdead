import { command, Exit, exactly } from "../../command.ts"
import { text, texts } from "../../flags/flag.ts"
import { ManifestLists, manifestName, shownName } from "../../manifest/store.ts"

export const annotate = command({
  use: "annotate [OPTIONS] MANIFEST_LIST MANIFEST",
  args: exactly(2),
  flags: {
    arch: text("", "Set architecture"),
    os: text("", "Set operating system"),
    "os-features": texts("", "Set operating system feature"),
    "os-version": text("", "Set operating system version"),
    variant: text("", "Set architecture variant"),
  },
  run: async ({ args, flags, config }) => {
    const [list, name] = args.map(manifestName)
    const lists = new ManifestLists(config.folder)
    const manifest = lists.get(list!, name!)
    if (!manifest) {
      throw new Exit(1, `manifest for image ${shownName(name!)} does not exist in ${shownName(list!)}`)
    }
    const before = manifest.Descriptor.platform
    const platform = {
      ...before,
      architecture: flags.arch || before?.architecture || "",
      os: flags.os || before?.os || "",
      ...(flags.variant ? { variant: flags.variant } : {}),
      ...(flags["os-version"] ? { "os.version": flags["os-version"] } : {}),
      ...(flags["os-features"].length > 0 ? { "os.features": flags["os-features"] } : {}),
    }
    lists.put(list!, { ...manifest, Descriptor: { ...manifest.Descriptor, platform } })
  },
})
