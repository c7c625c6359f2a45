#include "mip/authenticator.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cassert>
#include <memory>
#include <stdexcept>

#include "mip/extension.h"

namespace homeward::mip {
namespace {

constexpr std::size_t kMaxAuthenticator = 32;
using Digest = std::array<std::uint8_t, kMaxAuthenticator>;

struct FreeMac {
    void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
    void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};

std::unique_ptr<EVP_MAC_CTX, FreeMac> new_context(const char* digest) {
    const std::unique_ptr<EVP_MAC, FreeMac> mac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
    std::unique_ptr<EVP_MAC_CTX, FreeMac> context{mac ? EVP_MAC_CTX_new(mac.get()) : nullptr};
    std::array<char, 16> name{};
    std::string_view{digest}.copy(name.data(), name.size() - 1);
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
                                     OSSL_PARAM_construct_end()};
    if (!context || EVP_MAC_CTX_set_params(context.get(), parameters) != 1) {
        throw std::runtime_error(std::string{"libcrypto offers no HMAC with "} + digest);
    }
    return context;
}

/// Fetching an algorithm costs libcrypto far more than a MAC, so each thread keeps one context per algorithm and
/// only gives it another key. A context per association would cost a kilobyte and more for each of a million nodes.
EVP_MAC_CTX* context_for(Algorithm algorithm) {
    if (algorithm == Algorithm::hmac_md5) {
        thread_local const auto context = new_context("MD5");
        return context.get();
    }
    thread_local const auto context = new_context("SHA256");
    return context.get();
}

bool compute(Algorithm algorithm, wire::ByteView key, wire::ByteView covered, Digest& digest) {
    EVP_MAC_CTX* context = context_for(algorithm);
    std::size_t written = 0;
    // An empty key would mean the previous one, of another association.
    return !key.empty() && EVP_MAC_init(context, key.data(), key.size(), nullptr) == 1 &&
           EVP_MAC_update(context, covered.data(), covered.size()) == 1 &&
           EVP_MAC_final(context, digest.data(), &written, digest.size()) == 1;
}

}  // namespace

Authenticator::Authenticator(std::uint32_t spi, Algorithm algorithm, wire::ByteView key)
    : spi_(spi), algorithm_(algorithm), key_(key.begin(), key.end()) {
    assert(!key.empty());
    context_for(algorithm);
}

Authenticator::~Authenticator() {
    OPENSSL_cleanse(key_.data(), key_.size());
}
Authenticator::Authenticator(const Authenticator&) = default;
Authenticator& Authenticator::operator=(const Authenticator&) = default;
Authenticator::Authenticator(Authenticator&&) noexcept = default;
Authenticator& Authenticator::operator=(Authenticator&&) noexcept = default;

void Authenticator::sign(wire::Bytes& message) const {
    wire::Writer out{message};
    out.u8(static_cast<std::uint8_t>(ExtensionType::mobile_home_authentication));
    out.u8(static_cast<std::uint8_t>(sizeof spi_ + size()));
    out.u32(spi_);
    Digest digest{};
    if (!compute(algorithm_, key_, message, digest)) {
        throw std::runtime_error("libcrypto cannot compute an HMAC");
    }
    out.bytes(wire::ByteView{digest}.first(size()));
}

bool Authenticator::verify(const Authentication& authentication) const noexcept {
    if (authentication.spi != spi_ || authentication.authenticator.size() != size()) {
        return false;
    }
    Digest digest{};
    try {
        if (!compute(algorithm_, key_, authentication.covered, digest)) {
            return false;
        }
    } catch (const std::exception&) {
        return false;
    }
    return CRYPTO_memcmp(digest.data(), authentication.authenticator.data(), size()) == 0;
}

}  // namespace homeward::mip
