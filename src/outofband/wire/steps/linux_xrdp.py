"""xrdp in `reset_remote`: its port, its TLS, its certificate, its two services."""

from __future__ import annotations

XRDP = """\
xrdp_ini=/etc/xrdp/xrdp.ini
# A value of [Globals] as xrdp reads it: names in any case, of two lines the later one, and what follows a
# # or ; anywhere is no part of it. Fails where the name is not there; one of its environment is nothing here.
xrdp_says() {
    awk -v name="$1" '
        { sub(/[#;].*/, "") }
        /\\[.*\\]/ { if (inside) exit; inside = tolower($0) ~ /\\[globals\\]/; next }
        inside { split($0, part, "="); word = tolower(part[1]); gsub(/[[:space:]]/, "", word)
            if (word == name) { value = $0; sub(/^[^=]*=?[[:space:]]*/, "", value)
                sub(/[[:space:]]*$/, "", value); if (value ~ /^[$]/) value = ""; found = 1 } }
        END { if (found) print value; exit !found }
    ' "$xrdp_ini" 2>/dev/null
}
xrdp_set() {
    awk -v name="$1" -v value="$2" '
        /^[[:space:]]*\\[/ { if (inside && !done) { print name "=" value; done = 1 }
            inside = tolower($0) ~ /\\[globals\\]/ }
        inside { split($0, part, "="); word = tolower(part[1]); gsub(/[[:space:]]/, "", word)
            if (word == name) { if (!done) print name "=" value; done = 1; next } }
        { print }
        END { if (inside && !done) print name "=" value }
    ' "$xrdp_ini" >"$kept/new" && replace "$xrdp_ini" 644 <"$kept/new"
}
# One that is no whole path it takes for none.
xrdp_file() { case $(xrdp_says "$1") in /*) xrdp_says "$1" ;; *) echo "/etc/xrdp/$2" ;; esac; }
xrdp_certificate() { xrdp_file certificate cert.pem; }
xrdp_key() { xrdp_file key_file key.pem; }
# Every layer is legal: what xrdp does not know is negotiate to it, and where there is none it does as with
# rdp, whatever its manual says: without TLS.
xrdp_layer() {
    if layer=$(xrdp_says security_layer); then echo "$layer" | tr '[:upper:]' '[:lower:]'; else echo rdp; fi
}
# The line for which no client gets TLS. The versions are known by these names alone, in this case.
xrdp_fault() {
    [ "$(xrdp_layer)" != rdp ] || return
    if versions=$(xrdp_says ssl_protocols); then
        case ",$(echo "$versions" | tr ' ' ',')," in
            *,TLSv1.3,* | *,TLSv1.2,* | *,TLSv1.1,* | *,TLSv1,*) ;;
            *) echo "ssl_protocols=$versions"; return ;;
        esac
    fi
    ciphers=$(xrdp_says tls_ciphers)
    if [ -n "$ciphers" ] && has openssl && ! openssl ciphers "$ciphers" >/dev/null 2>&1; then
        echo "tls_ciphers=$ciphers"
    fi
}
# `3389`, `tcp://:3389` and, with others in front of it, `vsock://-1:3389 tcp://.:3389`.
xrdp_has_port() {
    for each in $(xrdp_says port); do
        case $each in
            "$rdp_port" | "tcp://:$rdp_port" | "tcp://.:$rdp_port" | "tcp6://:$rdp_port") return 0 ;;
        esac
    done
    return 1
}
certificate_state() {
    cert=$(xrdp_certificate) key=$(xrdp_key)
    has openssl || return
    if [ ! -s "$cert" ] || [ ! -s "$key" ]; then
        echo missing
    elif ! public=$(openssl x509 -in "$cert" -noout -pubkey 2>/dev/null) || [ -z "$public" ]; then
        echo broken
    elif [ "$public" != "$(openssl pkey -in "$key" -pubout 2>/dev/null)" ]; then
        echo foreign
    elif ! openssl x509 -in "$cert" -noout -checkend 0 >/dev/null 2>&1; then
        echo expired
    else
        echo good
    fi
}
look_at_xrdp() {
    pair xrdp.installed "$(is has xrdp)"
    has xrdp || return
    look_at_service xrdp-sesman xrdp-sesman
    look_at_service xrdp xrdp
    pair xrdp.port "$(xrdp_says port)"
    pair xrdp.security "$(xrdp_layer)"
    pair xrdp.fault "$(xrdp_fault)"
    pair xrdp.certificate "$(certificate_state)"
    pair xrdp.certificateEnds "$(openssl x509 -in "$(xrdp_certificate)" -noout -enddate 2>/dev/null |
        sed 's/notAfter=//')"
    pair xrdp.listens "$(is listens "$rdp_port")"
    pair xrdp.heldBy "$(holder "$rdp_port" xrdp)"
}
mend_xrdp() {
    has xrdp || { problem GuestServiceMissing service xrdp; return; }
    changed=
    xrdp_has_port || { xrdp_set port "$rdp_port" && changed=true; }
    # Both may be there; the second is seen when the first is none any more.
    for again in 1 2; do
        case $(xrdp_fault) in
            ssl_protocols=*) xrdp_set ssl_protocols 'TLSv1.2, TLSv1.3' && changed=true ;;
            tls_ciphers=*) xrdp_set tls_ciphers HIGH && changed=true ;;
        esac
    done
    case $(certificate_state) in
        missing | broken | foreign | expired) new_certificate && changed=true ;;
    esac
    bring_up xrdp-sesman xrdp-sesman '' "$changed"
    bring_up xrdp xrdp "$rdp_port" "$changed"
}
# Beside the old one first: what is there is better than nothing when this fails.
new_certificate() {
    cert=$(xrdp_certificate) key=$(xrdp_key)
    if openssl req -x509 -newkey rsa:2048 -sha256 -nodes -days 3650 -subj "/CN=$(uname -n)" \\
        -keyout "$key.new" -out "$cert.new" 2>/dev/null && [ -s "$key.new" ] && [ -s "$cert.new" ]; then
        replace "$cert" 644 <"$cert.new" && replace "$key" 600 <"$key.new"
        result=$?
        if grep -q '^xrdp:' /etc/group; then
            chgrp xrdp "$key" && chmod 640 "$key"
        fi
    else
        problem GuestFileNotWritten path "$cert"
        result=1
    fi
    rm -f "$key.new" "$cert.new"
    return $result
}
"""
