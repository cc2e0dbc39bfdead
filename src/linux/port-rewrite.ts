import { type NetlinkRequest, type NetlinkSocket, requestFlags } from "./netlink.ts"
import { attribute, nested, text, u32be } from "./netlink-attributes.ts"
import { netfilterHeader, netfilterSubsystems } from "./nfnetlink-batch.ts"

/** A service on an IPv4 address of a namespace's own, which listens on another port than the one it is asked at. */
export interface RewrittenService {
  readonly protocol: "tcp" | "udp"
  readonly address: string
  /** Where programs of the namespace ask. */
  readonly askedAt: number
  /** Where the service's socket is bound. */
  readonly listensAt: number
}

/**
 * Lets services be asked at a port that they do not occupy: a table of nftables changes the port in packets for them as the
 * last thing before the socket, and changes it back in their answers as the first thing behind it. Every other rule of the
 * namespace, and its connection tracking, sees the port that was asked. It needs neither address translation nor connection
 * tracking, which would cost every packet of the namespace.
 *
 * @param socket of protocol `netfilter`, opened in the namespace
 * @param again an earlier table of this name is replaced, at one moment; it is waited for that no packet sees it any more,
 * some 15 ms. Without one the call takes 0.5 to 0.8 ms
 * @throws SystemError; EOPNOTSUPP when the kernel has no nftables
 */
export function rewritePorts(
  socket: NetlinkSocket,
  table: string,
  services: readonly RewrittenService[],
  again: boolean,
): void {
  const name = attribute(tableAttributes.name, text(table))
  const create = request(messages.newTable, requestFlags.create, `table ${table}`, name)
  socket.transact("nftables", [
    // Created first, so that there is one to delete.
    ...(again ? [create, request(messages.deleteTable, 0, `table ${table}`, name)] : []),
    create,
    ...Object.values(chains).map((chain) => newChain(table, chain)),
    ...services.flatMap((service) => [
      newRule(table, chains.questions.name, service, { field: destination, from: "askedAt", to: "listensAt" }),
      newRule(table, chains.answers.name, service, { field: source, from: "listensAt", to: "askedAt" }),
    ]),
  ])
}

/** Messages and attributes of nftables (linux/netfilter/nf_tables.h); its numbers are in network order. */
const messages = { newTable: 0, deleteTable: 2, newChain: 3, newRule: 6 } as const
const tableAttributes = { name: 1 } as const
const chainAttributes = { table: 1, name: 3, hook: 4, type: 7 } as const
const hookAttributes = { number: 1, priority: 2 } as const
const ruleAttributes = { table: 1, chain: 2, expressions: 4 } as const
const expressionAttributes = { name: 1, data: 2 } as const
const listElement = 1
const dataValue = 1
const AF_INET = 2

/** Packets for this namespace's sockets come by the one hook, packets from them by the other. */
const chains = {
  /** After every filter, which are at priorities up to 50 (security). */
  questions: { name: "questions", hook: 1, priority: 200 },
  /** Before connection tracking, which is at -200. */
  answers: { name: "answers", hook: 3, priority: -300 },
} as const

/** Where a packet says which side it concerns: offsets in the IPv4 header and in the one behind it, in bytes. */
const source = { address: 12, port: 0 } as const
const destination = { address: 16, port: 2 } as const

const protocols = {
  tcp: { number: 6, checksum: 16 },
  udp: { number: 17, checksum: 6 },
} as const

function request(message: number, flags: number, subject: string, ...attributes: readonly Buffer[]): NetlinkRequest {
  const type = (netfilterSubsystems.nftables << 8) | message
  return { type, flags, subject, body: Buffer.concat([netfilterHeader(AF_INET), ...attributes]) }
}

function newChain(table: string, { name, hook, priority }: (typeof chains)[keyof typeof chains]): NetlinkRequest {
  return request(
    messages.newChain,
    requestFlags.create,
    `chain ${name}`,
    attribute(chainAttributes.table, text(table)),
    attribute(chainAttributes.name, text(name)),
    nested(
      chainAttributes.hook,
      attribute(hookAttributes.number, u32be(hook)),
      attribute(hookAttributes.priority, u32be(priority)),
    ),
    attribute(chainAttributes.type, text("filter")),
  )
}

interface Change {
  readonly field: typeof source | typeof destination
  readonly from: "askedAt" | "listensAt"
  readonly to: "askedAt" | "listensAt"
}

/** `ip FIELD ADDRESS PROTOCOL FIELD FROM PROTOCOL FIELD set TO`, in the words of nft(8). */
function newRule(table: string, chain: string, service: RewrittenService, change: Change): NetlinkRequest {
  const { field, from, to } = change
  const protocol = protocols[service.protocol]
  return request(
    messages.newRule,
    requestFlags.create | requestFlags.append,
    `rule of chain ${chain}`,
    attribute(ruleAttributes.table, text(table)),
    attribute(ruleAttributes.chain, text(chain)),
    nested(
      ruleAttributes.expressions,
      loadPayload(headers.network, field.address, 4),
      equals(Buffer.from(service.address.split(".").map(Number))),
      loadProtocol(),
      equals(Buffer.of(protocol.number)),
      loadPayload(headers.transport, field.port, 2),
      equals(portBytes(service[from])),
      immediate(portBytes(service[to])),
      storePort(field.port, protocol.checksum),
    ),
  )
}

const headers = { network: 1, transport: 2 } as const
const register = 1
const META_L4PROTO = 16
const CSUM_INET = 1

function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(port)
  return bytes
}

const expression = (name: string, ...data: readonly Buffer[]): Buffer =>
  nested(listElement, attribute(expressionAttributes.name, text(name)), nested(expressionAttributes.data, ...data))

const numbers = (...values: readonly (readonly [attribute: number, value: number])[]): readonly Buffer[] =>
  values.map(([type, value]) => attribute(type, u32be(value)))

const loadProtocol = (): Buffer => expression("meta", ...numbers([1, register], [2, META_L4PROTO]))

const loadPayload = (header: number, offset: number, length: number): Buffer =>
  expression("payload", ...numbers([1, register], [2, header], [3, offset], [4, length]))

/** Writes the register into the port, and corrects the checksum where there is one already. */
const storePort = (offset: number, checksum: number): Buffer =>
  expression(
    "payload",
    ...numbers([5, register], [2, headers.transport], [3, offset], [4, 2], [6, CSUM_INET], [7, checksum]),
  )

const equals = (value: Buffer): Buffer =>
  expression("cmp", ...numbers([1, register], [2, 0]), nested(3, attribute(dataValue, value)))

const immediate = (value: Buffer): Buffer =>
  expression("immediate", ...numbers([1, register]), nested(2, attribute(dataValue, value)))
