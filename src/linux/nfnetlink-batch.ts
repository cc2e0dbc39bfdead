import type { NetlinkRequest } from "./netlink.ts"
import { u16be } from "./netlink-attributes.ts"

const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11

/** The part of netfilter that a transaction is for (linux/netfilter/nfnetlink.h). */
export const netfilterSubsystems = { nftables: 10 } as const

/** struct nfgenmsg, which every message of netfilter begins with. */
export const netfilterHeader = (family: number, resource = 0): Buffer =>
  Buffer.concat([Buffer.of(family, 0), u16be(resource)])

/** The messages before and after the requests of one transaction. */
export function batchMarks(subsystem: keyof typeof netfilterSubsystems): {
  readonly begin: NetlinkRequest
  readonly end: NetlinkRequest
} {
  const body = netfilterHeader(0, netfilterSubsystems[subsystem])
  return {
    begin: { type: NFNL_MSG_BATCH_BEGIN, body, subject: "begin of a transaction" },
    end: { type: NFNL_MSG_BATCH_END, body, subject: "end of a transaction" },
  }
}
