<#
.SYNOPSIS
Brings this Windows server to the control plane at @SERVER@.

.DESCRIPTION
NOT SEEN ON REAL WINDOWS. This text was written from documents alone, and the agent itself has been run on
Linux only: on Windows its installation stops with a message. It is here so that what would be done can be
read and checked.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File .\@NAME@ -SecretFile C:\secret.txt
#>
[CmdletBinding()]
param(
    [string]$ResourceName,
    [string]$Package,
    [string]$SecretFile,
    [string]$Python = 'py'
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2

@VALUES@

function Stop-With([int]$Status, [string]$Code, [string]$Message, [string]$Remedy) {
    [Console]::Error.WriteLine("error ($Code) $Message")
    [Console]::Error.WriteLine("remedy: $Remedy")
    exit $Status
}

$Identity = [Security.Principal.WindowsIdentity]::GetCurrent()
$Administrator = [Security.Principal.WindowsBuiltInRole]::Administrator
if (-not (New-Object Security.Principal.WindowsPrincipal $Identity).IsInRole($Administrator)) {
    Stop-With 155 'AZCM0155' 'This has to run as an administrator.' 'start PowerShell as administrator'
}
if ($PSVersionTable.PSVersion.Major -lt 5) {
    Stop-With 154 'AZCM0154' "PowerShell $($PSVersionTable.PSVersion) is too old." 'install PowerShell 5.1 or later'
}
if ($env:PROCESSOR_ARCHITECTURE -notin 'AMD64', 'ARM64') {
    Stop-With 153 'AZCM0153' "The agent is not made for $env:PROCESSOR_ARCHITECTURE." 'use a 64-bit Windows'
}
$Home64 = Join-Path $env:ProgramFiles 'AzureConnectedMachineAgent'
$Marker = Join-Path $env:ProgramData 'Outofband\agent.json'
if ((Test-Path (Join-Path $Home64 'azcmagent.exe')) -and -not (Test-Path $Marker)) {
    Stop-With 1 'ForeignAgent' "There is another maker's Connected Machine agent in $Home64." 'remove it first'
}
if ($Proxy -and -not $env:HTTPS_PROXY) { $env:HTTPS_PROXY = $Proxy }

# Python does what has to be exact: comparing the authority with its fingerprint, and the package with its hash.
$Fetch = @'
import hashlib, pathlib, re, ssl, sys, urllib.request
server, fingerprint, path, digest, target, package = sys.argv[1:]
def fetch(path, context, limit):
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
    with opener.open(server + path, timeout=60) as answer:
        return answer.read(limit)
if package:
    archive = pathlib.Path(package).read_bytes()
else:
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    text = fetch("/fleet/trust", blind, 65536).decode("ascii", "replace")
    found = re.findall("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.S)
    known = {hashlib.sha256(ssl.PEM_cert_to_DER_cert(each)).hexdigest(): each for each in found}
    if fingerprint not in known:
        sys.exit("error (ControlPlaneNotTrusted) another authority than this script names")
    archive = fetch(path, ssl.create_default_context(cadata=known[fingerprint]), 256 * 1024 * 1024)
if hashlib.sha256(archive).hexdigest() != digest:
    sys.exit("error (PackageChanged) not the package that this script was made for")
pathlib.Path(target).write_bytes(archive)
'@
$Work = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid())
New-Item -ItemType Directory -Path $Work | Out-Null
try {
    $Archive = Join-Path $Work 'package.tar'
    $Fetch | & $Python -I - $Server $Fingerprint $PackagePath $PackageSha256 $Archive "$Package"
    if ($LASTEXITCODE -ne 0) { Stop-With 26 'AZCM0026' 'The agent could not be had.' 'see the message above' }
    & tar.exe -xf $Archive -C $Work
    $Venv = Join-Path $Home64 "venv-$($PackageSha256.Substring(0, 12))"
    & $Python -I -m venv $Venv
    $Inside = Join-Path $Venv 'Scripts\python.exe'
    & $Inside -I -m pip install --quiet --require-hashes --requirement (Join-Path $Work 'index.txt')
    if ($LASTEXITCODE -ne 0) { Stop-With 143 'AZCM0143' 'Libraries could not be had.' 'let pip reach an index' }
    & $Inside -I -m pip install --quiet --no-deps --no-index (Get-Item (Join-Path $Work 'wheels\outofband-*.whl'))
    & $Inside -I -m outofband.cli agent install --yes --server $Server --fingerprint $Fingerprint
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }

    $Wanted = @{
        'subscription-id' = $Subscription; 'resource-group' = $ResourceGroup
        'tenant-id' = $Tenant; 'location' = $Location
    }
    if ($ResourceName) { $Name = $ResourceName }
    if ($Name) { $Wanted['resource-name'] = $Name }
    if ($Tags) { $Wanted['tags'] = $Tags }
    if ($Mode -eq 'many') {
        if ($SecretFile) { $Secret = (Get-Content -Raw $SecretFile).Trim() }
        else {
            $Typed = Read-Host "Secret of the service principal $ServicePrincipalId" -AsSecureString
            $Secret = (New-Object Net.NetworkCredential('', $Typed)).Password
        }
        $Wanted['service-principal-id'] = $ServicePrincipalId
        $Wanted['service-principal-secret'] = $Secret
    }
    else { $Wanted['use-device-code'] = $true }
    $File = Join-Path $Work 'connect.json'
    $Wanted | ConvertTo-Json | Set-Content -Encoding UTF8 $File
    & (Join-Path $Home64 'azcmagent.exe') connect --config $File
    exit $LASTEXITCODE
}
finally { Remove-Item -Recurse -Force $Work -ErrorAction SilentlyContinue }
