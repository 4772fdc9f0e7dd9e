"""A camera: serves a video of H.264 over RTSP, in real time, to whoever knows the password."""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", help="a Matroska file")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", default="8554")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    options = parser.parse_args()

    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( filesrc location="{options.video}" ! matroskademux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )')
    # Clients that come later join the stream where it is, as with a camera.
    factory.set_shared(True)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    authentication = GstRtspServer.RTSPAuth()
    authentication.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    authentication.add_digest(options.user, options.password, token)

    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(options.port)
    server.set_auth(authentication)
    server.get_mount_points().add_factory("/camera", factory)
    if server.attach(None) == 0:
        raise SystemExit(f"{options.address}:{options.port} cannot be listened on")
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
