package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/x509/pkix"

	"github.com/nokkel/nokkel/keys"
)

// pbes2Params are those of RFC 8018 appendix A.4.
type pbes2Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }

// decryptPBES2 decrypts with AES in CBC mode (RFC 8018 §6.2.2). By hand because
// go-pkcs12 v0.7.4 returns certificates without the attributes of their bags.
func decryptPBES2(a pkix.AlgorithmIdentifier, data []byte, pw password) ([]byte, error) {
	var params pbes2Params
	if err := unmarshal(a.Parameters.FullBytes, &params); err != nil {
		return nil, err
	}
	kdf, err := parsePBKDF2(params.KDF)
	if err != nil {
		return nil, err
	}
	var vector []byte
	if err := unmarshal(params.Cipher.Parameters.FullBytes, &vector); err != nil {
		return nil, err
	}
	prf, known := hmacHash(kdf.PRF)
	size := aesKey(params.Cipher)
	if !known || size == 0 {
		return nil, refuse(keys.ErrUnsupported, "encryption of a PKCS#12 content")
	}
	key, err := pbkdf2.Key(prf.New, pw.text, kdf.Salt, kdf.Iterations, size)
	if err != nil {
		return nil, refuse(keys.ErrUnsupported, "key derivation of a PKCS#12 content")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if len(vector) != aes.BlockSize || len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, refuse(keys.ErrMalformed, "encryption of a PKCS#12 content")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, vector).CryptBlocks(plain, data)
	pad := plain[len(plain)-1]
	if pad == 0 || pad > aes.BlockSize || !bytes.HasSuffix(plain, bytes.Repeat([]byte{pad}, int(pad))) {
		return nil, refuse(keys.ErrMalformed, "a PKCS#12 content decrypts to garbage")
	}
	return plain[:len(plain)-int(pad)], nil
}

// aesKey is the length of a cipher's key in bytes, at most maxCipherKey; 0 for
// other ciphers.
func aesKey(cipher pkix.AlgorithmIdentifier) int {
	switch cipher.Algorithm.String() {
	case oidAES128:
		return 16
	case oidAES192:
		return 24
	case oidAES256:
		return 32
	}
	return 0
}
