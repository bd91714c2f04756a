#!/bin/sh
# Makes the certificates in this directory and, from them, the keystores in
# ../keystore/testdata: OpenSSL 3.0 and the keytool of
# OpenJDK 17. All passwords are "changeit", all keys are for tests only.
set -eu
pass=pass:changeit
keytool() { command keytool "$@" -storepass changeit -keypass changeit -noprompt 2>/dev/null; }
to=../keystore/testdata
pair='-validity 36500 -keyalg EC -groupname secp256r1'

# A chain: root, issuing authority, client.
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' > ca.ext
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout root.key -out root.pem -days 36500 -subj '/CN=test root' 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca.key -subj '/CN=test authority' 2>/dev/null |
  openssl x509 -req -CA root.pem -CAkey root.key -days 36500 -extfile ca.ext -out ca.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout client.key -subj '/CN=test client' 2>/dev/null |
  openssl x509 -req -CA ca.pem -CAkey ca.key -days 36500 -out client.pem 2>/dev/null
openssl pkey -in client.key -pubout -out client.pub
cat root.pem ca.pem > authorities.pem

export="openssl pkcs12 -export -inkey client.key -in client.pem -certfile authorities.pem -passout $pass"
$export -name 'My Client' -out $to/openssl-aes256.p12
$export -name 'My Client' -out $to/openssl-rc2.p12 -legacy
$export -name 'My Client' -out $to/openssl-3des.p12 -legacy -descert -macalg sha1
$export -name 'My Client' -out $to/openssl-sha512.p12 -macalg sha512 -iter 20000
$export -name 'My Client' -out $to/openssl-plain.p12 -keypbe NONE -certpbe NONE
$export -name 'Blåbærsyltetøy' -out $to/openssl-unicode.p12
$export -out $to/openssl-unnamed.p12
openssl pkcs12 -export -inkey client.key -in client.pem -name 'My Client' -passout pass: -out $to/openssl-empty.p12
openssl pkcs12 -export -nokeys -in client.pem -passout $pass -out $to/openssl-certificate.p12
openssl pkcs12 -export -inkey client.key -nocerts -passout $pass -out $to/openssl-nocert.p12
openssl pkcs12 -export -inkey client.key -in client.pem -nomac -passout $pass -out $to/openssl-nomac.p12

for type in PKCS12 JKS; do
  for name in one two; do
    keytool -genkeypair $pair -alias $name -dname "CN=test $name" -storetype $type -keystore $to/keytool-two.$type
  done
  keytool -importcert -alias authority -file root.pem -keystore $to/keytool-two.$type
done
keytool -genkeypair $pair -alias one -dname 'CN=test one' -storetype PKCS12 -keystore $to/keytool-old.PKCS12 -J-Dkeystore.pkcs12.legacy
keytool -genkeypair -validity 36500 -keyalg Ed25519 -alias one -dname 'CN=test one' -storetype PKCS12 -keystore $to/keytool-ed25519.PKCS12
keytool -genkeypair -validity 36500 -keyalg RSA -keysize 2048 -alias one -dname 'CN=test one' -storetype JKS -keystore $to/keytool-rsa.JKS
keytool -genkeypair -validity 36500 -keyalg DSA -keysize 2048 -alias one -dname 'CN=test one' -storetype PKCS12 -keystore $to/keytool-dsa.PKCS12
command keytool -genkeypair $pair -alias one -dname 'CN=test one' -storetype JKS -keystore $to/keytool-keypass.JKS -storepass changeit -keypass different 2>/dev/null
keytool -importcert -alias authority -file client.pem -storetype JKS -keystore $to/keytool-trusted.JKS
keytool -genkeypair $pair -alias one -dname 'CN=test one' -storetype JCEKS -keystore $to/keytool.JCEKS

rm -f root.key ca.key ca.ext authorities.pem
