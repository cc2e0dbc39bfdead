import { command, noArgs } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatDiskUsage, formatDiskUsageDetails } from "../../output/disk-usage.ts"

export const df = command({
  use: "df [OPTIONS]",
  args: noArgs,
  flags: { format: listFormat(), verbose: bool("v", "Show detailed information on space usage") },
  run: async ({ flags, docker, out }) => {
    const usage = await docker.system.diskUsage()
    out.write((flags.verbose ? formatDiskUsageDetails : formatDiskUsage)(usage, flags.format))
  },
})
