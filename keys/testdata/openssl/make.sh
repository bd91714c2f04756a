#!/bin/sh
# Makes the files of this folder anew with openssl 3; the tests read them.
set -e
openssl genrsa 2048 2>/dev/null >rsa-pkcs8.pem
openssl rsa -in rsa-pkcs8.pem -traditional -out rsa-pkcs1.pem 2>/dev/null
openssl rsa -in rsa-pkcs8.pem -aes128 -passout pass:secret -traditional -out rsa-pkcs1-encrypted.pem 2>/dev/null
openssl pkcs8 -topk8 -in rsa-pkcs8.pem -passout pass:secret -out rsa-pkcs8-encrypted.pem
openssl rsa -in rsa-pkcs8.pem -pubout -out rsa-public.pem 2>/dev/null
openssl rsa -in rsa-pkcs8.pem -RSAPublicKey_out -out rsa-public-pkcs1.pem 2>/dev/null
openssl req -x509 -new -key rsa-pkcs8.pem -subj /CN=rsa -days 36500 -out rsa-certificate.pem
for c in prime256v1:p256 secp384r1:p384 secp521r1:p521 secp256k1:secp256k1; do
	openssl ecparam -name "${c%:*}" -genkey -out "${c#*:}-sec1-parameters.pem"
	openssl pkcs8 -topk8 -nocrypt -in "${c#*:}-sec1-parameters.pem" -out "${c#*:}-pkcs8.pem"
	openssl ec -in "${c#*:}-sec1-parameters.pem" -pubout -out "${c#*:}-public.pem" 2>/dev/null
done
openssl ec -in p256-pkcs8.pem -out p256-sec1.pem 2>/dev/null
openssl ec -in p256-pkcs8.pem -conv_form compressed -out p256-compressed.pem 2>/dev/null
openssl ec -in p256-pkcs8.pem -param_enc explicit -out p256-explicit.pem 2>/dev/null
openssl req -x509 -new -key p256-pkcs8.pem -subj /CN=p256 -days 36500 -out p256-certificate.pem
openssl pkcs12 -export -inkey p256-pkcs8.pem -in p256-certificate.pem -name nøkkel -passout pass:secret |
	openssl pkcs12 -passin pass:secret -nodes -out p256-bag-attributes.pem
openssl genpkey -algorithm ed25519 -out ed25519-pkcs8.pem
openssl pkey -in ed25519-pkcs8.pem -pubout -out ed25519-public.pem
openssl genpkey -algorithm x25519 -out x25519-pkcs8.pem
openssl genpkey -algorithm ed448 -out ed448-pkcs8.pem
openssl genrsa 1024 2>/dev/null >rsa1024-pkcs8.pem
openssl genrsa 512 2>/dev/null | openssl rsa -traditional -out rsa512-pkcs1.pem 2>/dev/null
