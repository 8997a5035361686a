/** Shapes of the REST API as the control plane answers them (docs/protocol/resource-manager.md). Times are ISO 8601, UTC. */

export interface Resource<P = Record<string, unknown>> {
  id: string;
  name: string;
  type: string;
  location?: string;
  tags?: Record<string, string>;
  etag?: string;
  properties: P;
}

export interface Page<T> {
  value: T[];
  nextLink?: string;
  /** The same in the directory's answers. */
  "@odata.nextLink"?: string;
}

export interface Subscription {
  id: string;
  subscriptionId: string;
  tenantId: string;
  displayName: string;
  state: string;
}

export interface Tenant {
  id: string;
  tenantId: string;
  displayName: string;
  defaultDomain?: string;
}

export type ResourceGroup = Resource<{ provisioningState: string }>;

export interface InstanceViewStatus {
  code: string;
  level: "Info" | "Warning" | "Error";
  displayStatus: string;
  message?: string;
  time?: string;
}

/** `[start, end)` is the part of the port's log that can still be read, in absolute byte offsets. */
export interface SerialPortReport {
  name: string;
  start: number;
  end: number;
  writer: string | null;
  viewers: number;
  /** A code of the catalogue. */
  alarm: string | null;
  /** What it shows (docs/reference/port-states.md); absent or empty of an older host. */
  shows?: string;
}

export interface InstanceView {
  computerName?: string;
  statuses?: InstanceViewStatus[];
  bootDiagnostics?: Record<string, never>;
  outofband?: {
    driver: string;
    epoch?: number;
    hostConnected: boolean;
    /** Whether there is a screen to look at. */
    screen?: boolean;
    host?: string;
    hostId?: string;
    accelerator?: string;
    ports: SerialPortReport[];
    /** What is wrong by what it printed, the worst first. */
    findings?: OpenFinding[];
  };
}

export interface GuestDefinition {
  driver: string;
  image?: string | null;
  program?: string | null;
  socket?: string | null;
  memoryMiB: number;
  cpus: number;
}

export interface VirtualMachineProperties {
  provisioningState?: string;
  vmId: string;
  timeCreated?: string;
  host?: { id: string };
  outofband?: GuestDefinition;
  hardwareProfile?: { vmSize?: string };
  storageProfile?: Record<string, unknown>;
  osProfile?: { computerName?: string };
  networkProfile?: Record<string, unknown>;
  diagnosticsProfile?: { bootDiagnostics?: { enabled?: boolean; storageUri?: string } };
  instanceView?: InstanceView;
  /** Only of an instance of a scale set: whether it has what the set now says. */
  latestModelApplied?: boolean;
}

export type VirtualMachine = Resource<VirtualMachineProperties>;

export type ScaleSet = Resource<{
  provisioningState?: string;
  upgradePolicy?: { mode?: string };
  outofband?: GuestDefinition;
}> & { sku?: { name?: string; capacity?: number } };

export interface Word {
  value: string;
  localizedValue?: string;
}

export interface ActivityEvent {
  id: string;
  eventDataId: string;
  correlationId: string;
  operationId: string;
  operationName: Word;
  eventName: Word;
  status: Word;
  subStatus: Word;
  level: string;
  caller: string;
  claims?: { oid?: string; appid?: string };
  authorization?: { action: string; scope: string };
  eventTimestamp: string;
  resourceId: string;
  resourceType: Word;
  resourceGroupName: string;
  /** Null for what belongs to the whole tenant. */
  subscriptionId: string | null;
  httpRequest?: { clientRequestId?: string; clientIpAddress?: string; method?: string };
  properties?: Record<string, unknown>;
}

export interface Permission {
  actions: string[];
  notActions?: string[];
  dataActions?: string[];
  notDataActions?: string[];
}

export type RoleDefinition = Resource<{
  roleName: string;
  type: string;
  description: string;
  assignableScopes: string[];
  permissions: Permission[];
}>;

export type RoleAssignment = Resource<{
  roleDefinitionId: string;
  principalId: string;
  principalType: string;
  scope: string;
  createdOn?: string;
  createdBy?: string;
}>;

export type ConsoleService = Resource<{ disabled: boolean }>;

/** The answer of `serialPorts/0/connect`. The ticket opens one socket, once, within `expiresIn` seconds. */
export interface ConsoleConnection {
  connectionString: string;
  outofband: { url: string; ticket: string; session: string; expiresIn: number; subprotocol?: string };
}

/** Who is attached to a port now. */
export interface Viewer {
  name: string;
  mode: "write" | "observe";
  since: string;
  address: string;
  /** What it says it is; older control planes do not tell it. */
  client?: string;
  session: string;
}

/** What becomes of a login that somebody leaves behind in a guest. */
export type ConsolePolicy = Resource<{
  endLogin: "on" | "off" | "inherit";
  effective: "on" | "off";
}>;

/** `outofband` only for callers who may connect themselves. */
export type SerialPort = Resource<{
  state: string;
  connectionState: string;
  outofband?: { viewers: Viewer[] };
}>;

/** What the host saw happen. */
export interface Observation {
  observed: string;
  data?: Record<string, unknown>;
}

export interface Screenshot {
  contentType: string;
  /** Base64. */
  data: string;
  takenAt: string;
  /** Pixels each way that were made one, for a picture that would be too large. */
  scale?: number;
}

/** What was done at a port, among its lines: `before` is the index of the one that it goes in front of. */
export interface TailRecord {
  before: number;
  at: string;
  text: string;
}

/**
 * The last lines of a port's log, escapes made harmless, and who was there; `from` and `end` are byte offsets.
 * Older control planes tell no records.
 */
export interface Tail {
  lines: { text: string }[];
  records?: TailRecord[];
  from: number;
  end: number;
  at: string;
}

/** A line of a log: it came at `at`, or between `after` and `at` where nobody looked for a while. */
export interface LogLine {
  offset: number;
  at: string;
  after?: string;
  text: string;
  /** Of a search: first character, and the one behind the last. */
  matches?: [number, number][];
  /** The guest has not ended it. */
  open?: boolean;
  /** What letters look like, where it was asked for: first, behind the last, words. */
  looks?: [number, number, string][];
}

/** `boot` is 0 for the newest. */
export interface LogBoot {
  boot: number;
  number: number;
  from: number;
  end: number;
  at: string;
  last: string;
}

export interface LogGap {
  before: number;
  from: number;
  end: number;
  /** 0: nobody knows. */
  bytes: number;
}

/** A page of a port's log (docs/protocol/resource-manager.md). */
export interface LogPage {
  lines: LogLine[];
  records: TailRecord[];
  gaps: LogGap[];
  boots: LogBoot[];
  from: number;
  next: number;
  more: boolean;
  start: number;
  end: number;
  /** Read at the host; otherwise what is kept of the log elsewhere. */
  live: boolean;
  at: string;
  /** Base64. */
  data?: string | null;
  /** Of `data`: the bytes up to `end` came by `at`. */
  times?: { end: number; at: string; after?: string }[];
}

export interface LogWish {
  from?: number;
  before?: number;
  boot?: number;
  lines?: number;
  /** With `looks` of the letters. */
  colours?: boolean;
  align?: boolean;
  after?: number;
  wait?: number;
  grep?: string;
  ignoreCase?: boolean;
  raw?: boolean;
}

export type FindingSeverity = "error" | "warning" | "note";

/** One that holds now, as an instance view tells it. */
export interface OpenFinding {
  id: string;
  code: string;
  severity: FindingSeverity;
  title: string;
  message: string;
  offset: number;
}

/** What a code, an error's text or a guest's lines mean. */
export interface Explanation {
  code: string;
  /** How it was recognised; `log`: in what a guest printed. */
  how: string;
  title: string;
  message: string;
  cause?: string;
  remedy: string[];
  line?: number;
  offset?: number;
  count?: number;
  ended?: boolean;
  evidence?: { line: number; offset: number; text: string }[];
}

/** A failure recognised in what a machine printed. `evidence` is for those who may read its log. */
export type Finding = Resource<{
  code: string;
  severity: FindingSeverity;
  title: string;
  message: string;
  cause: string;
  remedy: string[];
  port: string;
  boot: number;
  offset: number;
  first: string;
  last: string;
  count: number;
  open: boolean;
  ended?: string;
  evidence?: { offset: number; at: string; text: string }[];
}>;

/** The status document behind `Azure-AsyncOperation`. */
export interface OperationStatus {
  id?: string;
  name?: string;
  status: string;
  startTime?: string;
  endTime?: string;
  percentComplete?: number;
  /** `phase`: what it does now, a word of the operation's own. */
  properties?: { output?: unknown; phase?: string };
  error?: ErrorBody;
}

export interface ErrorBody {
  code: string;
  message: string;
  target?: string;
  details?: ErrorBody[];
  additionalInfo?: { type: string; info?: unknown }[];
}

/** Microsoft Graph's shapes, as far as the control plane has them. */
export interface DirectoryObject {
  "@odata.type"?: string;
  id: string;
  displayName: string;
  userPrincipalName?: string;
  appId?: string;
  /** Of a group. */
  securityEnabled?: boolean;
}

export interface Group extends DirectoryObject {
  description?: string | null;
  createdDateTime?: string;
}

/** What proves a client; `secretText` only in the answer that made it. */
export interface PasswordCredential {
  keyId: string;
  displayName?: string | null;
  hint?: string | null;
  startDateTime: string;
  endDateTime: string | null;
  secretText?: string | null;
}

export interface KeyCredential {
  keyId: string;
  displayName?: string | null;
  /** The thumbprint, upper-case hex. */
  customKeyIdentifier?: string | null;
  startDateTime: string;
  endDateTime: string;
}

interface Proofs {
  passwordCredentials: PasswordCredential[];
  keyCredentials: KeyCredential[];
}

export interface Application extends DirectoryObject, Proofs {
  appId: string;
  createdDateTime?: string;
}

/** What lets an application sign in. */
export interface ServicePrincipal extends DirectoryObject, Proofs {
  appId: string;
  accountEnabled: boolean;
  createdDateTime?: string;
}

/** One place where a person is signed in; `client` is null for a browser. */
export interface SignIn {
  id: string;
  client: { id: string; name: string } | null;
  address: string;
  agent: string;
  authenticated: string;
  started: string;
  lastUsed: string | null;
  expires: string;
  /** Words of RFC 8176. */
  methods: string[];
  current: boolean;
}

export interface Factor {
  id: string;
  kind: "totp" | "passkey" | string;
  name: string;
  /** The host name that a passkey is bound to. */
  host: string | null;
  created: string;
  lastUsed: string | null;
}

export interface Factors {
  value: Factor[];
  recoveryCodes: number;
  required: boolean;
}

export interface SignInPolicy {
  requireMfa: boolean;
  changed: string | null;
  changedBy: string | null;
}

/** Whom a required second factor would be asked of; `value` names the first ones without. */
export interface PolicyPreview {
  people: number;
  without: number;
  sessions: number;
  value: { id: string; userPrincipalName: string; displayName: string }[];
}

export interface User extends DirectoryObject {
  userPrincipalName: string;
  accountEnabled?: boolean;
  createdDateTime?: string;
  /** Only in the answer that made the password. */
  passwordProfile?: { password?: string; forceChangePasswordNextSignIn?: boolean };
}
