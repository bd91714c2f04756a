package keys

// GenerateFile makes a key and saves its private JWK in a new file before it
// returns: [Generate] and [Key.WriteFile]. A key that cannot be saved is not
// returned.
func GenerateFile(name string, alg Algorithm) (*Key, error) {
	key, err := Generate(alg)
	if err != nil {
		return nil, err
	}
	if err := key.WriteFile(name); err != nil {
		return nil, err
	}
	return key, nil
}
